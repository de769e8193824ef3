package flawed

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/netassay/netassay/engines"
	"github.com/netassay/netassay/model"
)

// Engine is Inner with a flaw.
type Engine struct {
	Inner engines.Engine
	Label string // its name
	// Delay is how late everything that the API server says reaches the engine.
	Delay time.Duration
	// Leak is for how long everything passes after the engine has heard of a change.
	Leak time.Duration

	proxies []*proxy
	dirs    []string
	ended   []Opening // of leaks of nodes that are no longer behind a proxy
}

// Opening is a time in which a node let everything pass.
type Opening struct {
	Opened time.Time // before the first packet could pass
	Closed time.Time // after the last could
}

// Openings is when each node was open until now: at least Leak at a time, longer while changes
// follow each other. What is open still is not among them.
func (e *Engine) Openings() []Opening {
	out := slices.Clone(e.ended)
	for _, p := range e.proxies {
		out = append(out, p.leak.openings()...)
	}
	return out
}

// Name is the name that the flaw was given.
func (e *Engine) Name() string { return e.Label }

// Unsupported is what Inner lacks.
func (e *Engine) Unsupported() []engines.Unsupported { return e.Inner.Unsupported() }

// MetricsURL is Inner's.
func (e *Engine) MetricsURL() string {
	if m, ok := e.Inner.(interface{ MetricsURL() string }); ok {
		return m.MetricsURL()
	}
	return ""
}

// LastChangeURL is Inner's.
func (e *Engine) LastChangeURL() string {
	if t, ok := e.Inner.(interface{ LastChangeURL() string }); ok {
		return t.LastChangeURL()
	}
	return ""
}

// Explain is Inner's.
func (e *Engine) Explain(ctx context.Context, f model.Flow) ([]string, error) {
	if x, ok := e.Inner.(engines.Explainer); ok {
		return x.Explain(ctx, f)
	}
	return nil, nil
}

// Start puts a proxy on each node and starts Inner behind it.
func (e *Engine) Start(ctx context.Context, nodes []engines.Node) error {
	var behind []engines.Node
	for _, n := range nodes {
		b, err := e.put(n)
		if err != nil {
			return errors.Join(fmt.Errorf("put a proxy on %s: %w", n.Name(), err), e.Stop(context.WithoutCancel(ctx)))
		}
		behind = append(behind, b)
	}
	if err := e.Inner.Start(ctx, behind); err != nil {
		return errors.Join(err, e.Stop(context.WithoutCancel(ctx)))
	}
	return nil
}

// Stop stops Inner, then the proxies. A leak that is open is closed.
func (e *Engine) Stop(ctx context.Context) error {
	errs := []error{e.Inner.Stop(ctx)}
	for _, p := range e.proxies {
		errs = append(errs, p.close(ctx))
		e.ended = append(e.ended, p.leak.openings()...)
	}
	for _, d := range e.dirs {
		errs = append(errs, os.RemoveAll(d))
	}
	e.proxies, e.dirs = nil, nil
	return errors.Join(errs...)
}

// put starts a proxy on a node; the node that is returned has a kubeconfig that leads to it.
func (e *Engine) put(n engines.Node) (engines.Node, error) {
	cfg, err := clientcmd.BuildConfigFromFlags("", n.Kubeconfig())
	if err != nil {
		return nil, err
	}
	p := &proxy{delay: e.Delay}
	if e.Leak > 0 {
		l := &leak{node: n, lasts: e.Leak}
		p.changed, p.leak = l.open, l
	}
	if err := p.start(n, cfg); err != nil {
		return nil, err
	}
	e.proxies = append(e.proxies, p)
	dir, err := os.MkdirTemp("", "netassay-flawed-")
	if err != nil {
		return nil, err
	}
	e.dirs = append(e.dirs, dir)
	b := behind{Node: n, kubeconfig: filepath.Join(dir, "kubeconfig")}
	return b, writeKubeconfig(b.kubeconfig, p.url())
}

// behind is a node whose agents reach the API server through the proxy.
type behind struct {
	engines.Node
	kubeconfig string
}

// Kubeconfig leads to the proxy.
func (b behind) Kubeconfig() string { return b.kubeconfig }

func writeKubeconfig(path, url string) error {
	const name = "flawed"
	cfg := clientcmdapi.NewConfig()
	cfg.Clusters[name] = &clientcmdapi.Cluster{Server: url}
	cfg.AuthInfos[name] = &clientcmdapi.AuthInfo{} // the proxy has the node's credentials
	cfg.Contexts[name] = &clientcmdapi.Context{Cluster: name, AuthInfo: name}
	cfg.CurrentContext = name
	return clientcmd.WriteToFile(*cfg, path)
}

// leak opens a node for a time, again and again.
type leak struct {
	node  engines.Node
	lasts time.Duration

	mu     sync.Mutex
	isOpen bool
	since  time.Time
	until  time.Time
	ended  []Opening
	err    error // the first
}

// openings are those that have ended; a node without a leak has none.
func (l *leak) openings() []Opening {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.ended)
}

// open lets everything pass, and has it closed again in time; one that is open stays so
// longer.
func (l *leak) open() {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	l.until = now.Add(l.lasts)
	if !l.isOpen {
		l.isOpen, l.since = true, now
		l.run("-I")
		time.AfterFunc(l.lasts, l.shut)
	}
}

// shut closes what is open, or comes back when it is too early.
func (l *leak) shut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.isOpen {
		return
	}
	if early := time.Until(l.until); early > 0 {
		time.AfterFunc(early, l.shut)
		return
	}
	l.isOpen = false
	l.run("-D")
	l.ended = append(l.ended, Opening{l.since, time.Now()})
}

// end closes at once.
func (l *leak) end() error {
	l.mu.Lock()
	l.until = time.Time{}
	l.mu.Unlock()
	l.shut()
	return l.err
}

// run puts the rule in front of the engine's own, or takes it out.
func (l *leak) run(action string) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	for _, tool := range []string{"iptables", "ip6tables"} {
		if err := l.node.Run(ctx, "", tool, "-w", "5", "-t", "mangle", action, "FORWARD", "-j", "ACCEPT"); err != nil && l.err == nil {
			l.err = err
		}
	}
}
