package probe

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/netassay/netassay/probe/wire"
)

// What a runner does while it watches a step: nine pods, each probes the other eight and
// itself on two ports, ten rounds a second. Reported is the CPU of all sides together, in
// percent of one core, and how long a round takes.
func BenchmarkMatrix(b *testing.B) {
	for _, protocol := range protocols {
		b.Run(protocol, func(b *testing.B) {
			n := newNetwork(b, 9)
			n.start()
			n.measure(b, matrix(n, protocol, time.Second), func(o Observation, server string) bool {
				return o.Result == Connected && o.Answered == server && o.Receiver == server
			})
		})
	}
}

// The same matrix with everything denied, at the lab's timeout: each probe is a few packets
// that are not answered.
func BenchmarkDenied(b *testing.B) {
	for _, protocol := range protocols {
		b.Run(protocol, func(b *testing.B) {
			n := newNetwork(b, 9)
			n.start()
			for _, h := range n.hosts {
				for _, family := range families {
					h.iptables(family, "-A INPUT -p "+strings.ToLower(protocol)+" --dport 80 -j DROP")
				}
			}
			n.measure(b, matrix(n, protocol, 400*time.Millisecond), func(o Observation, _ string) bool {
				return o.Result == Dropped && o.Receiver == ""
			})
		})
	}
}

// measure makes rounds, and reports their cost and how many probes were not as expected.
func (n *network) measure(b *testing.B, targets map[string][]Target, expected func(o Observation, server string) bool) {
	b.Helper()
	before, began := n.cpu(), Now()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	rounds, spent, bad := 0, time.Duration(0), 0
	for b.Loop() {
		start := Now()
		bad += n.round(targets, expected)
		spent += Now() - start
		rounds++
		<-tick.C
	}
	took := Now() - began
	used := n.cpu() - before
	b.ReportMetric(100*float64(used)/float64(took), "%core")
	b.ReportMetric(float64(used.Microseconds())/float64(rounds*162), "µs/probe")
	b.ReportMetric(float64(spent.Microseconds())/1000/float64(rounds), "ms/round")
	b.ReportMetric(float64(bad), "unexpected")
}

// matrix is the targets of each host.
func matrix(n *network, protocol string, timeout time.Duration) map[string][]Target {
	targets := map[string][]Target{}
	for _, client := range n.hosts {
		for i, server := range n.hosts {
			for _, family := range families {
				t := server.target(family, protocol, timeout)
				t.Cell = i
				targets[client.name] = append(targets[client.name], t)
			}
		}
	}
	return targets
}

// round probes everything at once and counts what was not as expected.
func (n *network) round(targets map[string][]Target, expected func(o Observation, server string) bool) int {
	var wg sync.WaitGroup
	var mu sync.Mutex
	bad := 0
	for client, ts := range targets {
		wg.Go(func() {
			obs, _ := n.fleet.Probe(n.t.Context(), client, ts)
			mu.Lock()
			defer mu.Unlock()
			for i, o := range obs {
				if server := n.hosts[ts[i].Cell].name; !expected(o, server) {
					bad++
					n.t.Logf("%s to %s: %+v", client, server, o)
				}
			}
		})
	}
	wg.Wait()
	return bad
}

// cpu is what this process and all probers have used.
func (n *network) cpu() time.Duration {
	var self syscall.Rusage
	must(n.t, syscall.Getrusage(syscall.RUSAGE_SELF, &self))
	total := time.Duration(self.Utime.Nano() + self.Stime.Nano())
	for _, h := range n.hosts {
		p, err := n.fleet.prober(h.name)
		must(n.t, err)
		// Nanoseconds on a CPU, of all threads: the first field of each schedstat.
		pid := p.stream.(*process).cmd.Process.Pid
		tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
		must(n.t, err)
		for _, task := range tasks {
			stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/schedstat", pid, task.Name()))
			must(n.t, err)
			ns, err := strconv.ParseInt(strings.Fields(string(stat))[0], 10, 64)
			must(n.t, err)
			total += time.Duration(ns)
		}
	}
	return total
}

// A round of one probe over the whole way: harness, pipe, client, network, receiver and
// its receipt.
func BenchmarkOneProbe(b *testing.B) {
	n := newNetwork(b, 2)
	n.start()
	target := n.hosts[1].target("ipv4", wire.TCP, time.Second)
	for b.Loop() {
		if o := n.probe(n.hosts[0], target); o.Result != Connected {
			b.Fatalf("%+v", o)
		}
	}
}

// What a measurement of scale does: two pods send streams to two others, in both families,
// with a datagram per millisecond or two. Reported is the CPU of all sides together.
func BenchmarkStreams(b *testing.B) {
	b.Setenv("GOMAXPROCS", "1") // as pods have it
	n := newNetwork(b, 4)
	n.start()
	ids := n.streams()
	before, began := n.cpu(), Now()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for b.Loop() {
		<-tick.C
	}
	used, took := n.cpu()-before, Now()-began
	var sent, lost, missed uint64
	for _, id := range ids {
		r, err := n.fleet.StopStream(b.Context(), id)
		must(b, err)
		sent, lost, missed = sent+r.Sender.Sent, lost+r.Lost, missed+r.Sender.Missed
	}
	b.ReportMetric(100*float64(used)/float64(took), "%core")
	b.ReportMetric(float64(used.Microseconds())/float64(sent), "µs/datagram")
	b.ReportMetric(100*float64(missed)/float64(sent+missed), "%missed")
	b.ReportMetric(float64(lost), "lost")
}

// streams starts eight, from the first two hosts to each of the others.
func (n *network) streams() []StreamID {
	var ids []StreamID
	for _, client := range n.hosts[:2] {
		for i, server := range n.hosts[2:] {
			for _, family := range families {
				id, err := n.fleet.StartStream(n.t.Context(), client.name, server.stream(family, time.Duration(1+i)*time.Millisecond))
				must(n.t, err)
				ids = append(ids, id)
			}
		}
	}
	return ids
}
