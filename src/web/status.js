/* SPDX-License-Identifier: MIT */
'use strict';
/* Fetches /status.json every 2 s while somebody looks, and writes numbers as status_text.c does. */
const $ = id => document.getElementById(id);
const EVERY = 2000, PATIENCE = 5000;
/* STATUS_PAGE_ROWS */
const SHOWN = 12;
let span = $('n1').hasAttribute('aria-current') ? 1 : 0;
let last = null, timer = 0, asking = false, lostAt = '';

const count = n => String(Math.round(n)).replace(/\B(?=(\d{3})+$)/g, ',');
const rounded = (v, places) => Math.floor(v * places + 0.5) / places;
const digits = v => v < 0 ? '-' + digits(-v) : v < 9.995 ? rounded(v, 100).toFixed(2) :
  v < 99.95 ? rounded(v, 10).toFixed(1) : count(v);
const seconds = s => s == null ? '-' : s >= 10 ? '\u2265 10 s' : s < 0.9995 ? digits(s * 1000) + ' ms' : digits(s) + ' s';
function share(r) {
  if (r == null) return '-';
  const p = 100 * r;
  return (p > 0 && p < 0.01 ? '<0.01' : p === 0 || p === 100 ? String(p) : p > 99.99 && p < 100 ? '>99.9' :
    p > 99.9 && p < 100 ? '99.9' : digits(p)) + ' %';
}
function age(s) {
  const m = Math.floor(s / 60), h = Math.floor(m / 60), d = Math.floor(h / 24);
  return d ? d + ' d ' + h % 24 + ' h' : h ? h + ' h ' + m % 60 + ' min' : m ? m + ' min' : Math.floor(s) + ' s';
}
const moment = ms => new Date(ms).toISOString().slice(0, 19).replace('T', ' ');
const ratio = (a, b) => b ? a / b : null;

/* Only what changed is written: a live region speaks when it is, and a selection would be lost. */
function text(id, s) {
  if ($(id).textContent !== s) $(id).textContent = s;
}
function set(e, attrs) {
  for (const k in attrs) e.setAttribute(k, attrs[k]);
  return e;
}
function cell(tag, s, cls) {
  const c = document.createElement(tag);
  if (tag === 'th') c.scope = 'row';
  if (cls) c.className = cls;
  c.append(...[].concat(s));
  return c;
}
const td = (s, cls) => cell('td', s, cls);
function table(id, list, none, cells) {
  const key = JSON.stringify([span, list]), body = $(id);
  if (body.dataset.key === key) return;
  body.dataset.key = key;
  body.replaceChildren(...list.map(x => {
    const tr = document.createElement('tr');
    tr.append(...cells(x));
    return tr;
  }));
  if (list.length) return;
  const tr = body.appendChild(document.createElement('tr'));
  tr.append(td(none));
  tr.firstChild.colSpan = 6;
}

const burn = v => td(v == null ? '-' : (v > 1 ? '\u25b2 ' : '') + digits(v), v > 1 ? 'hot' : '');
function budget(v) {
  if (v == null) return td('-');
  const m = document.createElement('meter');
  return td([set(m, {'aria-hidden': 'true', max: 1, low: 0.25, high: 0.5, optimum: 1, value: Math.max(0, v)}), ' ' + share(v)]);
}

function tables(s) {
  table('slos', s.slos, '', x => [cell('th', x.slo), budget(x.budget_left_1h_ratio), burn(x.burn_rate_1h), burn(x.burn_rate_5m),
    td(count(x.bad_1h) + ' of ' + count(x.good_1h + x.bad_1h)),
    td(parseFloat((100 * x.objective_ratio).toFixed(7)) + ' %')]);
  const asked = s.endpoints.filter(x => x.windows[span].requests > 0);
  const shown = new Set([...asked].sort((a, b) => b.windows[span].requests - a.windows[span].requests).slice(0, SHOWN));
  table('rows', asked.filter(x => shown.has(x)), 'No requests in this time.', x => {
    const w = x.windows[span];
    return [cell('th', x.method + ' ' + x.endpoint), td(count(w.requests)),
      td(share(ratio(w.server_errors, w.requests)), w.server_errors ? 'hot' : ''),
      td(seconds(w.p50_seconds)), td(seconds(w.p90_seconds)), td(seconds(w.p99_seconds))];
  });
  const rest = asked.length - shown.size;
  text('more', rest > 0 ? 'The busiest; ' + rest + ' more in the JSON.' : '');
  table('deps', s.dependencies.map(x => ({...x, now: s.now})), 'None.', x => [cell('th', x.name),
    td(x.up ? 'in service' : '\u2715 down', x.up ? 'well' : 'hot'), td(seconds(x.latency_seconds)),
    td(x.name === 'store' ? count(s.now.store_queue_length) + ' of ' + count(s.now.store_queue_limit) : '-')]);
  table('errors', s.recent_errors, 'None since the start.', x => [td(x.time.slice(0, 19).replace('T', ' ')),
    td(String(x.status)), td(x.method + ' ' + x.endpoint), td(seconds(x.duration_seconds)),
    td(x.correlation_id)]);
}

function verdict(s) {
  const v = s.verdict, first = v.reasons[0], head = first ? first.text : 'Well';
  $('verdict').className = v.level;
  text('glyph', {well: '\u2713', attention: '!', trouble: '\u2715'}[v.level]);
  text('headline', head);
  document.title = head + ' - ' + s.service;
  const more = v.reasons.slice(1).map(x => x.text);
  if ($('reasons').dataset.key !== String(more)) $('reasons').replaceChildren(...more.map(x => cell('li', x)));
  $('reasons').dataset.key = String(more);
}

const covers = (w, name) => w.since_start ? 'since the start, ' + age(w.seconds) + ' ago' : 'last ' + name;
function show(s) {
  const w = s.windows[0];
  verdict(s);
  text('time', moment(s.time_unix_ms) + ' UTC');
  text('w0', covers(w, '5 minutes'));
  text('w1', covers(s.windows[1], 'hour'));
  text('rps', digits(w.seconds > 0 ? w.requests / w.seconds : 0));
  text('share', share(ratio(w.server_errors, w.requests)));
  text('p50', seconds(w.p50_seconds));
  text('p99', seconds(w.p99_seconds));
  text('flight', count(s.now.requests_in_flight));
  text('busy', s.now.in_flight.slice(0, 3).map(x => x.endpoint + ' ' + x.requests).join(', '));
  text('conns', count(s.now.connections));
  text('conns-max', 'of ' + count(s.now.connections_limit));
  text('uptime', age(s.uptime_seconds));
  text('memory', digits(s.now.resident_bytes / 1048576) + ' MiB');
  text('total', count(s.totals.requests));
  text('rejected', count(s.totals.rejected));
  text('dropped', count(s.totals.log_lines_dropped));
  text('config', (s.config.last_reload_successful ? 'loaded ' : 'last reload failed; in force since ') +
    moment(s.config.loaded_unix_ms) + ' UTC' + (s.config.restart_required ? '; restart required' : ''));
  tables(s);
  charts(s);
}

/* ---- charts: the newest value is at the right edge ---- */
const SVG = 'http://www.w3.org/2000/svg', W = 600, H = 100;
function nice(max) {
  const ten = Math.pow(10, Math.floor(Math.log10(max)));
  return ten * [1, 2, 5, 10].find(k => k * ten >= max * 0.9999);
}
function line(list, n, top) {
  let d = '', pen = 'M';
  list.forEach((v, i) => {
    if (v == null) { pen = 'M'; return; }
    const x = W - (list.length - 1 - i) * W / (n - 1), y = H - Math.min(1, v / top) * H;
    d += pen + x.toFixed(1) + ' ' + y.toFixed(1) + (pen === 'M' ? 'h.1' : '');
    pen = 'L';
  });
  return d;
}
const path = (cls, d) => set(document.createElementNS(SVG, 'path'), {class: cls, d});
function chart(id, what, lists, n, least, most, unit, ago) {
  const max = Math.max(least, ...lists.flatMap(l => l.data)), top = nice(Math.min(max, most)), svg = document.createElementNS(SVG, 'svg');
  const label = lists.map(l => l.name + ' now ' + (l.data.length && l.data[l.data.length - 1] != null ?
    unit(l.data[l.data.length - 1]) : 'none') + ', at most ' + unit(Math.max(0, ...l.data))).join('; ');
  set(svg, {viewBox: '0 0 ' + W + ' ' + H, preserveAspectRatio: 'none', role: 'img', 'aria-label': what + ': ' + label});
  if (lists[0].fill && lists[0].data.length > 1) {
    const x = W - (lists[0].data.length - 1) * W / (n - 1);
    svg.append(path('fill', line(lists[0].data, n, top) + 'V' + H + 'H' + x.toFixed(1) + 'z'));
  }
  if (least === 1) svg.append(path('one', 'M0 ' + (H - H / top) + 'H' + W));
  svg.append(...lists.map(l => path(l.cls, line(l.data, n, top))));
  const high = cell('small', [(max > top ? '\u2265 ' : '') + unit(top)]);
  const low = cell('small', [cell('span', ago + ' ago'), cell('span', 'now')]);
  $(id).replaceChildren(high, svg, low);
}
function charts(s) {
  const b = s.burn;
  $('charts').hidden = false;
  chart('c0', 'Per second', [{name: 'requests', data: s.live.requests_per_second, cls: 's0', fill: true},
    {name: 'server errors', data: s.live.server_errors_per_second, cls: 'bad'}], 300, 0.1, Infinity, v => digits(v) + ' /s', '5 min');
  chart('c1', 'Latency', [{name: 'p99', data: s.live.p99_seconds, cls: 's0'}], 300, 0.001, Infinity, seconds, '5 min');
  chart('c2', 'Burn rate', [['availability', 's0'], ['latency', 's1'], ['contact', 's2']]
    .map(([k, cls]) => ({name: k, data: b[k], cls})), 120, 1, 20, digits, '1 h');
}

/* ---- asking ---- */
async function ask() {
  const stop = new AbortController(), limit = setTimeout(() => stop.abort(), PATIENCE);
  try {
    const r = await fetch('/status.json', {cache: 'no-store', signal: stop.signal});
    if (!r.ok) throw new Error(r.status);
    last = await r.json();
    show(last);
    lostAt = '';
  } catch (e) {
    lostAt = lostAt || new Date().toISOString().slice(11, 19);
  }
  clearTimeout(limit);
}
async function turn() {
  clearTimeout(timer);
  if (asking || document.hidden) return;
  asking = true;
  await ask();
  asking = false;
  text('lost', lostAt && 'Since ' + lostAt + ' UTC; the numbers below are from before.');
  if (lostAt) {
    $('verdict').className = 'trouble stale';
    text('glyph', '?');
    text('headline', 'No answer from the server');
    document.title = 'No answer - ' + document.querySelector('h1').textContent;
  }
  if (!document.hidden) timer = setTimeout(turn, EVERY);
}
['n0', 'n1'].forEach((id, i) => $(id).addEventListener('click', e => {
  e.preventDefault();
  span = i;
  $(id).setAttribute('aria-current', 'true');
  $(i ? 'n0' : 'n1').removeAttribute('aria-current');
  history.replaceState(null, '', $(id).href);
  if (last) tables(last);
}));
document.addEventListener('visibilitychange', turn);
turn();
