// SPDX-License-Identifier: MIT

// Go's net/http with client_golang and Sidelight's duties. Fair to it:
//   - no router beyond a switch, no middleware chain;
//   - what has labels is resolved once and kept, as Sidelight does at start, instead of WithLabelValues each time;
//   - the log goes through one buffer of 64 KiB, flushed once a second, and the line is encoded by
//     encoding/json from a struct: the standard library's way, without reflection on maps;
//   - the garbage collector has its defaults, as everybody runs it.
package main

import (
	"bufio"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"flag"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

var (
	requests = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "http_requests_total", Help: "Requests."}, []string{"method", "endpoint", "status"})
	duration = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "http_request_duration_seconds", Help: "Their duration.",
		Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
	}, []string{"method", "endpoint"})
	inFlight = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "http_requests_in_flight", Help: "Requests being answered."})
	many = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "many_events_total", Help: "Events that never happened."}, []string{"area", "kind", "code"})
)

type key struct {
	method, endpoint string
	status           int
}

type series struct {
	count    prometheus.Counter
	duration prometheus.Observer
}

type line struct {
	TS            string  `json:"ts"`
	Level         string  `json:"level"`
	Event         string  `json:"event"`
	CorrelationID string  `json:"correlation_id"`
	Method        string  `json:"method"`
	Endpoint      string  `json:"endpoint"`
	Path          string  `json:"path"`
	Status        int     `json:"status"`
	DurationMS    float64 `json:"duration_ms"`
	BytesIn       int64   `json:"bytes_in"`
	BytesOut      int64   `json:"bytes_out"`
	ClientIP      string  `json:"client_ip"`
	UserAgent     string  `json:"user_agent"`
}

type dependency struct {
	Name      string  `json:"name"`
	Status    string  `json:"status"`
	LatencyMS float64 `json:"latency_ms"`
}

type health struct {
	Status       string       `json:"status"`
	Uptime       float64      `json:"uptime"`
	Version      string       `json:"version"`
	Dependencies []dependency `json:"dependencies"`
}

type server struct {
	known   sync.Map // key -> *series
	logLock sync.Mutex
	log     *bufio.Writer
	started time.Time
	store   store
}

// What was answered, for the duties.
type recorder struct {
	http.ResponseWriter
	status int
	bytes  int64
}

func (r *recorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(b []byte) (int, error) {
	n, err := r.ResponseWriter.Write(b)
	r.bytes += int64(n)
	return n, err
}

func uuid() string {
	var b [16]byte
	var s [36]byte
	if _, err := rand.Read(b[:]); err != nil {
		panic(err)
	}
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	hex.Encode(s[:8], b[:4])
	hex.Encode(s[9:13], b[4:6])
	hex.Encode(s[14:18], b[6:8])
	hex.Encode(s[19:23], b[8:10])
	hex.Encode(s[24:], b[10:])
	s[8], s[13], s[18], s[23] = '-', '-', '-', '-'
	return string(s[:])
}

func reply(w http.ResponseWriter, status int, body interface{}) {
	b, err := json.Marshal(body)
	if err != nil {
		status, b = http.StatusInternalServerError, nil
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(b)))
	w.WriteHeader(status)
	w.Write(b)
}

func (s *server) route(w http.ResponseWriter, r *http.Request, id string) string {
	switch {
	case r.URL.Path == "/health" && r.Method == http.MethodGet:
		reply(w, http.StatusOK, health{"healthy", float64(time.Since(s.started).Milliseconds()) / 1000, "0.1.0",
			[]dependency{{"store", "healthy", 0.015}}})
		return "/health"
	case r.URL.Path == "/contact" && r.Method == http.MethodPost && s.store != nil:
		s.contact(w, r, id)
		return "/contact"
	}
	reply(w, http.StatusNotFound, map[string]string{"detail": "Not Found"})
	return "unmatched"
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	id := r.Header.Get("X-Correlation-Id")
	if id == "" {
		id = uuid()
	}
	w.Header().Set("X-Correlation-Id", id)
	rec := recorder{ResponseWriter: w, status: http.StatusOK}
	inFlight.Inc()
	endpoint := s.route(&rec, r, id)
	inFlight.Dec()
	took := time.Since(start)

	k := key{r.Method, endpoint, rec.status}
	found, ok := s.known.Load(k)
	if !ok {
		found, _ = s.known.LoadOrStore(k, &series{
			requests.WithLabelValues(k.method, endpoint, strconv.Itoa(k.status)),
			duration.WithLabelValues(k.method, endpoint)})
	}
	found.(*series).count.Inc()
	found.(*series).duration.Observe(took.Seconds())

	ip, _, _ := net.SplitHostPort(r.RemoteAddr)
	b, err := json.Marshal(&line{start.UTC().Format("2006-01-02T15:04:05.000Z"), "info", "request", id, r.Method, endpoint,
		r.URL.Path, rec.status, float64(took.Microseconds()) / 1000, r.ContentLength, rec.bytes, ip, r.UserAgent()})
	if err == nil {
		s.logLock.Lock()
		s.log.Write(append(b, '\n'))
		s.logLock.Unlock()
	}
}

func (s *server) flush() {
	s.logLock.Lock()
	s.log.Flush()
	s.logLock.Unlock()
}

// Listens before it returns.
func serve(address string, handler http.Handler) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		log.Fatal(err)
	}
	go func() { log.Fatal(http.Serve(listener, handler)) }()
}

func main() {
	public := flag.String("public", "127.0.0.1:8000", "address of the service")
	metrics := flag.String("metrics", "127.0.0.1:9091", "address of the page")
	dir := flag.String("dir", ".", "where the log and the store go")
	canStore := flag.Bool("can-store", false, "only say, by the exit status, whether it was built with a store")
	n := flag.Int("series", 0, "more series on the page")
	flag.Parse()
	if *canStore && !hasStore {
		os.Exit(1)
	} else if *canStore {
		os.Exit(0)
	}

	file, err := os.OpenFile(filepath.Join(*dir, "log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		log.Fatal(err)
	}
	s := &server{log: bufio.NewWriterSize(file, 65536), started: time.Now()}
	if s.store, err = openStore(*dir); err != nil {
		log.Fatal(err)
	}
	prometheus.MustRegister(requests, duration, inFlight, many)
	for i := 0; i < *n; i++ {
		// Names and values are those of many.c.
		codes := [...]string{"200", "404", "499", "500"}
		many.WithLabelValues("area-"+strconv.Itoa(i/400), "kind-"+strconv.Itoa(i/4%100), codes[i%4]).
			Add(float64(i * 2654435761 % 1000000007 >> (i % 24)))
	}
	go func() {
		for range time.Tick(time.Second) {
			s.flush()
		}
	}()
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	serve(*metrics, promhttp.Handler())
	serve(*public, s)
	<-stop
	s.flush()
}
