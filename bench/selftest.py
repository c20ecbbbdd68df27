#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Tests of the driver's arithmetic and of how it reads what tools print (`make bench-check`)."""
import os
import socket
import sys
import threading
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from lib import client, proc, report, stats

WRK = '''Running 1h test @ http://127.0.0.1:8000/health
figures requests=1000 us=500000 bytes=9 connect=0 read=0 write=0 status=0 timeout=0 p50=80 p99=900 p999=1500 max=2000
'''
PERF = '''# started on a day

12345,,instructions:u,100,100.00,,
<not counted>,,instructions:k,0,100.00,,
'''
PAGE = '''# TYPE http_requests_total counter
http_requests_total{method="GET",endpoint="/health",status="200"} 5
http_requests_total{method="GET",endpoint="un}matched",status="404"} 1e3
http_requests_totally{method="GET"} 7
http_requests_in_flight 2
'''


class Arithmetic(unittest.TestCase):
    def test_a_spread_is_median_least_and_most(self):
        self.assertEqual(stats.spread([3, 1, 2]), {'median': 2, 'min': 1, 'max': 3, 'rounds': [3, 1, 2]})

    def test_a_round_without_the_figure_is_kept_in_place_but_not_counted(self):
        self.assertEqual(stats.spread([None, 4])['median'], 4)
        self.assertEqual(stats.spread([None, 4])['rounds'], [None, 4])
        self.assertIsNone(stats.spread([None, None]))
        self.assertIsNone(stats.spread([]))

    def test_ratios_are_taken_round_by_round(self):
        self.assertEqual(stats.ratio([1, 8], [2, 4])['rounds'], [0.5, 2])
        self.assertIsNone(stats.ratio([1], [0]))
        self.assertEqual(stats.ratio([None, 3], [1, 3])['median'], 1)

    def test_rounds_fold_into_figures(self):
        folded = stats.fold([{'a': 1}, {}, {'a': 3, 'b': 7}])
        self.assertEqual(folded['a']['rounds'], [1, None, 3])
        self.assertEqual(folded['b']['median'], 7)
        self.assertEqual(stats.fold([{}, {'a': None}]), {})

    def test_ratios_leave_out_the_base_and_what_one_lacks(self):
        work = {'x': stats.fold([{'a': 4, 'b': 1}]), 'base': stats.fold([{'a': 2}])}
        self.assertEqual({p: {n: r['median'] for n, r in f.items()} for p, f in stats.ratios(work, 'base').items()},
                         {'x': {'a': 2}})
        self.assertEqual(stats.ratios(work, 'nobody'), {})

    def test_everybody_is_first_once(self):
        self.assertEqual([stats.rotated(['a', 'b', 'c'], n)[0] for n in range(4)], ['a', 'b', 'c', 'a'])
        self.assertEqual(stats.rotated([], 2), [])

    def test_percentiles(self):
        for values, p, want in (([5], 99, 5), (list(range(1, 101)), 99, 99), (list(range(1, 101)), 50, 50),
                                ([3, 1, 2], 100, 3), ([], 50, None)):
            self.assertEqual(stats.percentile(values, p), want)

    def test_numbers_keep_three_digits(self):
        for value, want in ((0, '0'), (0.0351, '0.035'), (1.234, '1.23'), (12.34, '12.3'), (1234.5, '1,234'), (None, '-')):
            self.assertEqual(stats.number(value), want)

    def test_a_spread_is_written_only_where_there_is_one(self):
        self.assertEqual(stats.with_spread(stats.spread([1.02, 0.98, 1.05])), '1.02 (0.980-1.05)')
        self.assertEqual(stats.with_spread(stats.spread([2, 2])), '2.00')


class Tools(unittest.TestCase):
    def test_wrk_prints_figures(self):
        self.assertEqual(stats.wrk_figures(WRK)['p999'], 1500)
        with self.assertRaises(ValueError):
            stats.wrk_figures('unable to connect to 127.0.0.1:1 Connection refused')

    def test_one_error_spoils_a_run(self):
        good = stats.wrk_figures(WRK)
        self.assertIsNone(stats.wrk_errors(good, False))
        for kind in ('connect', 'read', 'write', 'timeout', 'status'):
            self.assertIsNotNone(stats.wrk_errors({**good, kind: 1}, False), kind)
        self.assertIsNotNone(stats.wrk_errors({**good, 'requests': 0}, False))
        self.assertIsNone(stats.wrk_errors({**good, 'requests': 0}, False, least=0))

    def test_where_all_is_refused_an_accepted_one_spoils_it(self):
        good = {**stats.wrk_figures(WRK), 'status': 1000}
        self.assertIsNone(stats.wrk_errors(good, True))
        self.assertIsNotNone(stats.wrk_errors({**good, 'status': 999}, True))

    def test_perf_counts_or_does_not(self):
        self.assertEqual(stats.perf_instructions(PERF), (12345, None))
        self.assertEqual(stats.perf_instructions('<not supported>,,instructions:u,0,100.00,,\n'), (None, None))
        self.assertEqual(stats.perf_instructions('7,,instructions:u,1,50.00,,\n9,,instructions:k,1,50.00,,\n'), (7, 9))

    def test_cachegrind_has_a_summary(self):
        self.assertEqual(stats.cachegrind_total('events: Ir\nfn=x\n1 2\nsummary: 5700026\n'), 5700026)
        with self.assertRaises(ValueError):
            stats.cachegrind_total('events: Ir\n')

    def test_samples_of_a_metric_are_summed(self):
        self.assertEqual(stats.sum_of(PAGE, 'http_requests_total'), 1005)
        self.assertEqual(stats.sum_of(PAGE, 'http_requests_total', status='200'), 5)
        self.assertEqual(stats.sum_of(PAGE, 'http_requests_in_flight'), 2)
        self.assertEqual(stats.sum_of(PAGE, 'nothing'), 0)


class Table(unittest.TestCase):
    def test_columns_line_up_and_nobody_s_column_is_left_out(self):
        figures = {'sidelight': stats.fold([{'first_answer_ms': 5.0}]), 'nginx-bare': stats.fold([{'first_answer_ms': 10.0}])}
        ratios = {b: stats.ratios(figures, b) for b in report.BASES}
        lines = list(report.table(report.rows('cold', figures, ratios, {'sidelight': 'Sidelight'})))
        self.assertEqual(lines[0].split(), ['ms', '/', 'nginx-bare'])
        self.assertEqual(lines[1].split(), ['Sidelight', '5.00', '0.500'])
        self.assertEqual(lines[2].split(), ['nginx-bare', '10.0', '1'])
        self.assertEqual(len({len(line) for line in lines}), 1)


class Wire(unittest.TestCase):
    def answered(self, data):
        """What the client makes of these bytes."""
        listener = socket.create_server(('127.0.0.1', 0))

        def answer():
            with listener, listener.accept()[0] as s:
                self.asked = s.recv(4096)
                s.sendall(data)
        thread = threading.Thread(target=answer)
        thread.start()
        try:
            return client.get(listener.getsockname()[1], '/x', ['A: b'])
        finally:
            thread.join()

    def test_a_request_ends_with_one_empty_line(self):
        for raw in (client.request('/x'), client.request('/x', extra=['A: b'])):
            self.assertEqual(raw.count(b'\r\n\r\n'), 1)
            self.assertTrue(raw.endswith(b'\r\n\r\n'))
        self.assertTrue(client.request('/x', 'body').endswith(b'Content-Length: 4\r\n\r\nbody'))

    def test_bodies_by_length_by_chunks_and_by_the_end(self):
        for rest in (b'Content-Length: 5\r\n\r\nhello', b'Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;x\r\nllo\r\n0\r\n\r\n',
                     b'\r\nhello'):
            status, _, body = self.answered(b'HTTP/1.1 200 OK\r\n' + rest)
            self.assertEqual((status, body), (200, b'hello'))

    def test_a_body_cut_short_is_no_answer(self):
        with self.assertRaises(proc.Failed):
            self.answered(b'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel')


class Processes(unittest.TestCase):
    def test_a_child_and_what_it_started_are_gone_afterwards(self):
        directory = os.path.join(os.environ.get('TMPDIR', '/tmp'), 'selftest.%d' % os.getpid())
        with proc.Child(['/bin/sh', '-c', 'trap "" TERM; sleep 60 & sleep 60 & wait'], directory) as c:
            c.wait_until(lambda: len(proc.tree(c.pid)) == 3)
            patience, proc.STOP_PATIENCE = proc.STOP_PATIENCE, 0.2
            c.stop()
            proc.STOP_PATIENCE = patience
        self.assertEqual(proc.session(c.pid), [])
        self.assertFalse(os.path.exists(directory))

    def test_so_are_orphans(self):
        directory = os.path.join(os.environ.get('TMPDIR', '/tmp'), 'selftest.%d' % os.getpid())
        with proc.Child(['/bin/sh', '-c', 'sleep 60 & exit 0'], directory) as c:
            c.process.wait()
            self.assertEqual(len(proc.session(c.pid)), 1)
        self.assertEqual(proc.session(c.pid), [])

    def test_a_child_that_ends_says_why(self):
        directory = os.path.join(os.environ.get('TMPDIR', '/tmp'), 'selftest.%d' % os.getpid())
        with proc.Child(['/bin/sh', '-c', 'echo no room >&2; exit 3'], directory) as c:
            with self.assertRaisesRegex(proc.Failed, 'status 3: no room'):
                c.wait_until(lambda: False)


if __name__ == '__main__':
    unittest.main(verbosity=0)
