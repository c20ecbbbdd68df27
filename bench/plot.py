#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Draws results.json for the README. usage: plot.py results.json FILE.svg"""
import json
import sys

try:
    import matplotlib
except ImportError:
    print('plot: skipped, matplotlib is not installed', file=sys.stderr)
    sys.exit(0)

matplotlib.use('svg')
import matplotlib.pyplot as plt     # after use(): the backend is chosen on import

OURS, OTHERS, TEXT, FAINT = '#c2410c', '#64748b', '#334155', '#cbd5e1'
MIB = 2**20
# work, variant, figure, divisor, title, log scale
PANELS = (
    ('health', 1, 'user_instructions', 1, 'User instructions per GET /health', True),
    ('health', 1, 'cpu_us', 1, 'CPU per GET /health, \N{MICRO SIGN}s (user + kernel)', True),
    ('health', 1, 'p99_us', 1000, 'p99 at full load, 64 connections, ms', True),
    ('idle', 1, 'rss_bytes', MIB, 'Memory at rest, MiB', False),
    ('contact', 1, 'requests_per_second', 1, 'Durable POST /contact per second', False),
    ('scrape', 10000, 'cpu_ms', 1, 'CPU of a page of 10,000 series, ms', True),
)


def values(found, work, variant, figure, divisor):
    """[(peer, low, median, high)] in the order of the table; empty if nobody has it."""
    for result in found['results']:
        if (result['work'], result['variant']) == (work, variant):
            return [(peer, f[figure]['min'] / divisor, f[figure]['median'] / divisor, f[figure]['max'] / divisor)
                    for peer, f in result['figures'].items() if figure in f]
    return []


def written(value):
    return format(value, ',.0f') if value >= 100 else '%.3g' % value


def draw(axes, rows, labels, title, log):
    names = [labels[peer] for peer, *_ in rows]
    middle = [mid for _, _, mid, _ in rows]
    errors = [[mid - low for _, low, mid, _ in rows], [high - mid for _, _, mid, high in rows]]
    colors = [OURS if peer == 'sidelight' else OTHERS for peer, *_ in rows]
    whiskers = {'ecolor': TEXT, 'elinewidth': 0.8, 'capsize': 2}
    if log:     # points: the length of a bar says nothing on an axis without a zero
        axes.set_xscale('log')
        axes.errorbar(middle, names, xerr=errors, fmt='none', **whiskers)
        axes.scatter(middle, names, s=60, color=colors, zorder=3)
    else:
        axes.barh(names, middle, xerr=errors, color=colors, height=0.7, error_kw=whiskers)
    for i, (_, _, mid, high) in enumerate(rows):
        axes.annotate(written(mid), (high, i), xytext=(7, 0), textcoords='offset points', va='center', color=TEXT,
                      fontsize=8)
    axes.set_title(title, loc='left', fontsize=10, color=TEXT)
    axes.invert_yaxis()
    axes.margins(x=0.25, y=0.1)
    axes.tick_params(labelsize=8, colors=TEXT, length=0)
    axes.grid(axis='x', color=FAINT, linewidth=0.5)
    axes.set_axisbelow(True)
    for side in axes.spines.values():
        side.set_visible(False)


def picture(found):
    panels = [(values(found, *panel[:4]), panel[4], panel[5]) for panel in PANELS]
    panels = [panel for panel in panels if len(panel[0]) > 1]
    if not panels:
        return None
    lines = -(-len(panels) // 2)
    figure, grid = plt.subplots(lines, 2, figsize=(11, 2.4 * lines + 0.4), squeeze=False)
    for axes, (rows, title, log) in zip(grid.flat, panels):
        draw(axes, rows, found['labels'], title + (' (log)' if log else ''), log)
    for axes in list(grid.flat)[len(panels):]:
        axes.set_visible(False)
    m, s = found['machine'], found['settings']
    figure.text(0.01, 0.005, '%s, %d CPUs, Linux %s; one core each, median of %d interleaved rounds, whiskers from least to most'
                % (m['cpu'], m['cpus'], m['kernel'].partition('-')[0], s['rounds']), fontsize=7, color=TEXT)
    figure.tight_layout(rect=(0, 0.02, 1, 1))
    return figure


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__.splitlines()[-1])
    with open(sys.argv[1]) as f:
        found = json.load(f)
    # Text stays text, and nothing in the file differs from one run on the same figures to the next.
    plt.rcParams.update({'svg.fonttype': 'none', 'svg.hashsalt': 'bench', 'font.family': 'sans-serif'})
    figure = picture(found)
    if figure is None:
        sys.exit('plot: fewer than two peers have figures')
    figure.savefig(sys.argv[2], metadata={'Date': None, 'Title': 'Sidelight and its peers'}, facecolor='white')


if __name__ == '__main__':
    main()
