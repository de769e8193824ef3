package chaos

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/netassay/netassay/probe"
	"github.com/netassay/netassay/suites/chaos/account"
)

// ends kills or stops agents at random instants, n times, while the large policy is
// edited, and starts each again at once. Some are killed again before they are in sync.
func (r *run) ends(ctx context.Context, n int, sig os.Signal, count *int) error {
	return r.editing(ctx, func(ctx context.Context) error {
		for i := range n {
			if err := pause(ctx, time.Duration(r.random.IntN(700))*time.Millisecond); err != nil {
				return err
			}
			if err := r.endOne(ctx, sig); err != nil {
				return err
			}
			*count++
			r.every(i+1, n, fmt.Sprintf("%v", sig))
		}
		return r.ready(ctx)
	})
}

func (r *run) endOne(ctx context.Context, sig os.Signal) error {
	a := r.agents[r.random.IntN(len(r.agents))]
	if r.random.IntN(2) == 0 {
		if err := r.ready(ctx); err != nil {
			return err
		}
		if err := pause(ctx, time.Duration(r.random.IntN(300))*time.Millisecond); err != nil {
			return err
		}
	}
	r.fault("%v of the enforcer on %s", sig, a.node.Name())
	if err := a.end(ctx, sig); err != nil {
		return err
	}
	return a.start()
}

// editAll makes the edits that are still missing.
func (r *run) editAll(ctx context.Context) error {
	for int(r.edits.Load()) < r.cfg.Sizes.Edits {
		if err := r.edit(ctx); err != nil {
			return err
		}
		if err := pause(ctx, time.Duration(20+r.random.IntN(300))*time.Millisecond); err != nil {
			return err
		}
		r.every(int(r.edits.Load()), r.cfg.Sizes.Edits, "edits")
	}
	return nil
}

// recreate deletes a policy that selects the server too and makes it again. The flows
// under load don't depend on it: another policy isolates the server all the time, and this
// one allows nobody who is there.
func (r *run) recreate(ctx context.Context) error {
	if err := r.create(ctx, r.extraPolicy()); err != nil {
		return err
	}
	for i := range r.cfg.Sizes.Recreates {
		for _, do := range []func() error{
			func() error { return r.delete(ctx, extra) },
			func() error { return pause(ctx, time.Duration(r.random.IntN(150))*time.Millisecond) },
			func() error { return r.create(ctx, r.extraPolicy()) },
			func() error { return pause(ctx, time.Duration(r.random.IntN(150))*time.Millisecond) },
		} {
			if err := do(); err != nil {
				return err
			}
		}
		r.result.Done.Recreates++
		r.every(i+1, r.cfg.Sizes.Recreates, "recreates")
	}
	return r.delete(ctx, extra)
}

// apiOutage stops the API server's process for a while. Half-way an agent is killed and
// has to start without it.
func (r *run) apiOutage(ctx context.Context) (err error) {
	d := r.cfg.Sizes.APIOutage
	if d == 0 {
		return nil
	}
	pid, err := findProcess("kube-apiserver")
	if err != nil {
		return err
	}
	r.fault("API server stopped for %v", d)
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		return fmt.Errorf("stop the API server: %w", err)
	}
	defer func() {
		err = errors.Join(err, syscall.Kill(pid, syscall.SIGCONT))
		if err == nil {
			r.result.Done.APIOutages++
			err = r.ready(ctx)
		}
	}()
	if err := pause(ctx, d/2); err != nil {
		return err
	}
	a := r.agents[r.random.IntN(len(r.agents))]
	r.fault("%v of the enforcer on %s while the API server is stopped", syscall.SIGKILL, a.node.Name())
	if err := a.end(ctx, syscall.SIGKILL); err != nil {
		return err
	}
	r.result.Done.Kills++
	return errors.Join(a.start(), pause(ctx, d/2))
}

// findProcess is the process of that name in the sandbox.
func findProcess(name string) (int, error) {
	all, err := filepath.Glob("/proc/[0-9]*/comm")
	if err != nil {
		return 0, fmt.Errorf("list processes: %w", err)
	}
	for _, path := range all {
		comm, err := os.ReadFile(path)
		if err == nil && strings.TrimSpace(string(comm)) == name {
			return strconv.Atoi(filepath.Base(filepath.Dir(path)))
		}
	}
	return 0, fmt.Errorf("find process %s: none runs here", name)
}

// lockHold holds the server's node's xtables lock while the policy is edited. Only the
// legacy backend takes that lock.
func (r *run) lockHold(ctx context.Context) error {
	d := r.cfg.Sizes.LockHold
	if d == 0 {
		return nil
	}
	r.fault("xtables lock of %s held for %v", r.agents[0].node.Name(), d)
	err := r.editing(ctx, func(ctx context.Context) error {
		return r.agents[0].node.Run(ctx, "", "sh", "-c", fmt.Sprintf(`exec flock "$XTABLES_LOCKFILE" sleep %d`, int(d.Seconds())))
	})
	if err != nil {
		return fmt.Errorf("hold the lock: %w", err)
	}
	r.result.Done.LockHolds++
	return r.ready(ctx)
}

// drift destroys what the enforcer made on the server's node, in turn: its chains, its
// sets. What leaks or is lost until it is repaired is counted apart.
func (r *run) drift(ctx context.Context, l *load) error {
	for i := range r.cfg.Sizes.Drifts {
		phase := fmt.Sprintf("drift %d", i+1)
		if err := l.rotate(ctx, phase, true, false); err != nil {
			return err
		}
		if err := pause(ctx, time.Duration(r.random.IntN(int(r.cfg.Timing.Verify)))); err != nil {
			return err
		}
		at := probe.Now()
		if err := r.destroy(ctx, i%2 == 1); err != nil {
			return err
		}
		if err := r.repaired(ctx, l); err != nil {
			return err
		}
		before := l.findings()
		if err := l.rotate(ctx, "after "+phase, false, false); err != nil {
			return err
		}
		r.result.Repair.add(at, l.findings()[len(before):])
		r.result.Done.Drifts++
	}
	return nil
}

func (l *load) findings() []account.Finding {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.tally.Findings
}

// add adds the time from a destruction to the last packet that went wrong.
func (s *Samples) add(at time.Duration, found []account.Finding) {
	last := time.Duration(0)
	for _, f := range found {
		if f.Drift {
			last = max(last, f.To)
		}
	}
	if last <= at {
		s.Void++
		return
	}
	s.Call, s.Ack = append(s.Call, ms(last-at)), append(s.Ack, ms(last-at))
}

func (r *run) destroy(ctx context.Context, sets bool) error {
	n := r.agents[0].node
	if sets {
		r.fault("all sets of %s emptied", n.Name())
		return n.Run(ctx, "", "ipset", "flush")
	}
	r.fault("all chains of mangle on %s flushed", n.Name())
	for _, tool := range []string{"iptables-", "ip6tables-"} {
		if err := n.Run(ctx, "", tool+r.cfg.Backend, "-w", "5", "-t", "mangle", "-F"); err != nil {
			return err
		}
	}
	return nil
}

// repaired waits until all flows are right several times in a row, and for the agents'
// next check.
func (r *run) repaired(ctx context.Context, l *load) error {
	if err := pause(ctx, r.cfg.Timing.Verify+r.cfg.Timing.Verify/4); err != nil {
		return err
	}
	for range 3 {
		if err := l.await(ctx); err != nil {
			return err
		}
	}
	return nil
}
