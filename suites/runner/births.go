package runner

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/netassay/netassay/probe"
	"github.com/netassay/netassay/suites/cases"
	"github.com/netassay/netassay/suites/judge"
)

// birthInterval is the time between the datagrams of one cell of a new pod.
const birthInterval = 5 * time.Millisecond

// births are the cells that must never let anything pass of the pods that a step creates,
// while one-way datagrams are sent in them: by a new pod from its first instant on, to one as
// soon as its address is known.
type births struct {
	set     *fixtureSet
	cells   []cases.Cell // of UDP, which has streams
	streams map[cases.Cell]probe.StreamID
	errs    map[cases.Cell]error // why there is no stream
}

// newBirths are those of a step, before it is done.
func (a *fixtureSet) newBirths(c cases.Case, step int, want verdicts) *births {
	b := &births{set: a, streams: map[cases.Cell]probe.StreamID{}, errs: map[cases.Cell]error{}}
	for k := range want {
		if k.Probe.Protocol == corev1.ProtocolUDP && k.Path == cases.PathPod && c.Never(step, k) {
			b.cells = append(b.cells, k)
		}
	}
	slices.SortFunc(b.cells, cases.CompareCells)
	return b
}

// departing are the streams that the pod of that key, which is about to be made, shall send.
func (b *births) departing(key, prober string) []probe.Expected {
	if b == nil {
		return nil
	}
	var all []probe.Expected
	for _, k := range b.cells {
		if k.Client != key {
			continue
		}
		s, err := b.stream(k, b.set.PodIPs(k.Server))
		if err != nil {
			b.errs[k] = err
			continue
		}
		e := b.set.fleet.Expect(prober, s)
		b.streams[k] = e.ID
		all = append(all, e)
	}
	return all
}

// approach sends to the pod of that key, which has these addresses by now, in the cells in
// which it was not sent to yet. Of families that have no address yet it is told again.
func (b *births) approach(ctx context.Context, key string, ips []netip.Addr) {
	if b == nil {
		return
	}
	var g sync.WaitGroup
	var mu sync.Mutex
	for _, k := range b.cells {
		if _, begun := b.streams[k]; begun || k.Server != key {
			continue
		}
		s, err := b.stream(k, ips)
		client := b.set.pod(k.Client)
		if err != nil || client == nil {
			continue
		}
		g.Go(func() {
			id, err := b.set.fleet.StartStream(ctx, client.prober, s)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				b.errs[k] = err
			} else {
				b.streams[k] = id
			}
		})
	}
	g.Wait()
}

func (b *births) stream(k cases.Cell, ips []netip.Addr) (probe.Stream, error) {
	addr := k.Family.First(ips)
	if !addr.IsValid() {
		return probe.Stream{}, fmt.Errorf("%s has no address of %s yet", k.Server, k.Family)
	}
	return probe.Stream{Addr: netip.AddrPortFrom(addr, k.Probe.Port), Interval: birthInterval, Blocked: true}, nil
}

// seen stops all streams and says of each cell what they showed until the end of the step: what
// comes later may be the next step's doing.
func (b *births) seen(ctx context.Context, ended time.Duration) map[cases.Cell]*judge.New {
	all := map[cases.Cell]*judge.New{}
	var g sync.WaitGroup
	for _, k := range b.cells {
		n := &judge.New{}
		all[k] = n
		g.Go(func() { *n = b.told(ctx, k, ended) })
	}
	g.Wait()
	return all
}

// told is what is known of one cell.
func (b *births) told(ctx context.Context, k cases.Cell, ended time.Duration) judge.New {
	var n judge.New
	id, ok := b.streams[k]
	if !ok {
		n.Err = "no datagrams were sent"
		if err := b.errs[k]; err != nil {
			n.Err += ": " + err.Error()
		}
		return n
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), b.set.patience)
	defer cancel()
	r, err := b.set.fleet.StopStream(ctx, id)
	n.Sent, n.First, n.Received = r.Sender.Sent, r.Sender.Start, r.Received
	for _, got := range r.Receivers {
		n.Arrivals = append(n.Arrivals, got.Leaks...)
	}
	slices.Sort(n.Arrivals)
	within, _ := slices.BinarySearch(n.Arrivals, ended)
	n.Received -= uint64(len(n.Arrivals) - within)
	n.Arrivals = n.Arrivals[:within]
	server := b.set.pod(k.Server)
	switch {
	case err != nil:
		n.Err = err.Error()
	case n.Sent == 0:
		n.Err = fmt.Sprintf("no datagram left %s: %v", k.Client, r.Sender.Errors)
	case server == nil || slices.Contains(r.Unasked, server.prober):
		n.Err = "what " + k.Server + " received is not known"
	}
	return n
}

// born is the first instant of the pod that makes this cell new.
func (w *stepWatch) born(k cases.Cell) time.Duration {
	for _, key := range []string{k.Client, k.Server} {
		if p := w.set.pod(key); p != nil && w.fresh[key] {
			if at, ok := w.set.fleet.Began(p.prober); ok {
				return at
			}
		}
	}
	return 0
}

// judgeNew adds to the cells of new pods what their first instants showed.
func (w *stepWatch) judgeNew(seen map[cases.Cell]*judge.New) {
	for _, c := range w.cells {
		if c.judge.New == nil {
			continue
		}
		if n := seen[c.key]; n != nil {
			*c.judge.New = *n
		}
		c.judge.New.Began = w.born(c.key)
	}
}
