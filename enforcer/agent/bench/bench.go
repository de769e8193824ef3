// Package bench puts a whole agent between a fake API server and a fake kernel, for tests
// that watch what it does with changes and faults. Only tests import it.
//
// It decides nothing but how to wait; what must come to be is the test's to say.
package bench

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/netassay/netassay/enforcer/agent"
	"github.com/netassay/netassay/enforcer/kernel"
	"github.com/netassay/netassay/enforcer/kernel/fake"
	"github.com/netassay/netassay/enforcer/plan"
	"github.com/netassay/netassay/enforcer/watch"
	"github.com/netassay/netassay/enforcer/watch/fakeapi"
)

const deadline = time.Minute

// Bench is an agent and its surroundings. The lock guards the fields after it, which the
// agent's commands use too.
type Bench struct {
	T       *testing.T
	API     *fakeapi.Server
	Address string // of the agent's metrics
	Log     *Log
	Stop    func() // ends the agent and returns when it has ended
	Host    Host   // that the agent runs on, unless it is given another

	sync.Mutex
	Kernel  *fake.Kernel
	writing sync.Mutex // a command is
}

// New makes a bench without an agent. The metrics get an address of their own at port,
// which must be below the ephemeral ports, so that nobody else can have it.
func New(t *testing.T, port int) *Bench {
	t.Helper()
	b := &Bench{T: t, API: fakeapi.New(t), Kernel: fake.New(), Log: &Log{}}
	b.Address = fmt.Sprintf("127.%d.%d.%d:%d", 1+rand.IntN(250), rand.IntN(250), 1+rand.IntN(250), port)
	return b
}

// Run implements kernel.Runner: one command that writes at a time, and others beside it.
func (b *Bench) Run(ctx context.Context, c kernel.Command) ([]byte, error) {
	if slices.ContainsFunc(c.Argv[:min(2, len(c.Argv))], func(w string) bool { return strings.HasSuffix(w, "restore") }) {
		if b.writing.TryLock() {
			defer b.writing.Unlock()
		} else {
			b.T.Error("two commands that write ran at once")
		}
	}
	b.Lock()
	defer b.Unlock()
	return b.Kernel.Run(ctx, c)
}

// Break has commands that write fail with err, or work again when it is nil.
func (b *Bench) Break(err error) {
	b.Lock()
	defer b.Unlock()
	b.Kernel.Fault = func(argv []string) error {
		if strings.HasSuffix(argv[0], "-restore") {
			return err
		}
		return nil
	}
}

// Start runs an agent. cfg says what is special about it; the rest is the bench's.
func (b *Bench) Start(cfg agent.Config) {
	b.T.Helper()
	var err error
	if cfg.Clients, err = watch.NewClients(b.API.REST()); err != nil {
		b.T.Fatal(err)
	}
	if cfg.Runner == nil {
		cfg.Runner = b
	}
	if cfg.Host == nil {
		cfg.Host = &b.Host
	}
	cfg.Existing, cfg.MinInterval, cfg.VerifyInterval = plan.Keep, time.Millisecond, 20*time.Millisecond
	cfg.MetricsAddress, cfg.Log = b.Address, slog.New(slog.NewTextHandler(b.Log, nil))
	a := agent.New(cfg)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	b.Stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			b.T.Errorf("agent: %v", err)
		}
	})
	b.T.Cleanup(b.Stop)
}

// Until polls until the condition holds.
func (b *Bench) Until(what string, ok func() bool) {
	b.T.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(deadline); !ok(); <-tick.C {
		if time.Now().After(end) {
			b.T.Fatalf("not in time: %s\nlog:\n%s", what, b.Log)
		}
	}
}

// Get asks the agent's metrics address; the code is 0 when there is no answer.
func (b *Bench) Get(path string) (code int, body string) {
	resp, err := http.Get("http://" + b.Address + path)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(text)
}

// Ready asks the agent whether it is.
func (b *Bench) Ready() bool { code, _ := b.Get("/readyz"); return code == http.StatusOK }

// UntilInSync waits for the agent's word that its first sync has ended. It is ready, and the
// kernel has what it should, a little sooner.
func (b *Bench) UntilInSync() {
	b.T.Helper()
	b.Until("in sync", func() bool { return strings.Contains(b.Log.String(), `msg="in sync"`) })
}

// Log can be read while it is written.
type Log struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
