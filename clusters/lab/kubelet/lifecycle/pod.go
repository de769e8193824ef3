package lifecycle

import (
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

// Stage is where a container is in its life.
type Stage int

// The stages of a container.
const (
	Created Stage = iota // has not been started yet
	Blocked              // can't be started now; Waiting says why; tried again at NotBefore
	Running
	Exited // Exit says how; started again at NotBefore where the restart policy says so
)

// Container is what is known of one container. The caller sets the fields of the first
// group once and those of the second through the methods of Pod.
type Container struct {
	Name         string
	Image        string
	Policy       corev1.RestartPolicy
	HasReadiness bool // has a readiness probe

	Stage     Stage
	Waiting   *corev1.ContainerStateWaiting    // of Blocked
	Exit      *corev1.ContainerStateTerminated // of the last run that ended, nil before
	ID        string                           // of the current or last run
	ImageID   string
	StartedAt time.Time // of the current run
	Restarts  int32     // starts after the first
	Crashes   int       // ends in a row that count for back-off
	NotBefore time.Time // the earliest next start
	Launched  bool      // has been started at least once
	ReadyOK   bool      // the readiness probe's latest word in this run
}

// Pod is what is known of one pod.
type Pod struct {
	Generation int64
	HostIPs    []string
	PodIPs     []string // empty until the network is there; kept after it is gone
	Networked  bool     // the pod's network exists now
	StartTime  time.Time
	Containers []Container // in the order of the spec
	Deleting   bool        // nothing is started any more
	Ended      bool        // every process is gone and none will be started
}

// New is the state of a pod that was just bound to the node.
func New(pod *corev1.Pod, now time.Time) Pod {
	p := Pod{Generation: pod.Generation, StartTime: now}
	for i := range pod.Spec.Containers {
		c := &pod.Spec.Containers[i]
		p.Containers = append(p.Containers, Container{
			Name: c.Name, Image: c.Image, Policy: pod.Spec.RestartPolicy, HasReadiness: c.ReadinessProbe != nil,
		})
	}
	return p
}

func (p *Pod) anyRunning() bool {
	return slices.ContainsFunc(p.Containers, func(c Container) bool { return c.Stage == Running })
}

func (c *Container) ready() bool {
	return c.Stage == Running && (!c.HasReadiness || c.ReadyOK)
}

// restarts reports whether the ended container is to be started again by its own policy.
func (c *Container) restarts() bool {
	switch c.Policy {
	case corev1.RestartPolicyNever:
		return false
	case corev1.RestartPolicyOnFailure:
		return c.Exit.ExitCode != 0
	default:
		return true
	}
}

// Runs is a start that succeeded.
func (c *Container) Runs(id string, imageID string, now time.Time) {
	if c.Launched {
		c.Restarts++
	}
	c.Stage, c.Waiting, c.Launched = Running, nil, true
	c.ID, c.ImageID, c.StartedAt = id, imageID, now
	c.ReadyOK = false
}

// Block is a start that is impossible for now; it is tried again after the back-off.
func (c *Container) Block(reason, message string, b Backoff, now time.Time) {
	c.Stage = Blocked
	c.Waiting = &corev1.ContainerStateWaiting{Reason: reason, Message: message}
	c.NotBefore = now.Add(b.Delay(c.Crashes + 1))
	c.Crashes++
}

// Ends is the end of the current run.
func (c *Container) Ends(exit corev1.ContainerStateTerminated, b Backoff) {
	c.Stage, c.Waiting, c.Exit = Exited, nil, &exit
	if exit.FinishedAt.Sub(c.StartedAt) >= b.Reset {
		c.Crashes = 0
	}
	c.NotBefore = exit.FinishedAt.Add(b.Delay(c.Crashes))
	c.Crashes++
}

// Key names a pod uniquely and legibly: it can be a file name, and no two pods of a
// cluster's life share it (a recreated pod has another uid).
func Key(namespace, name string, uid types.UID) string {
	short := string(uid)
	if len(short) > 8 {
		short = short[:8]
	}
	// Neither a namespace nor a pod can have "_" in its name.
	return namespace + "_" + name + "_" + short
}

// Backoff delays restarts of a container that keeps ending.
type Backoff struct {
	Base  time.Duration // before the second restart in a row; the first is not delayed
	Max   time.Duration
	Reset time.Duration // a run at least this long makes the next end the first in a row
}

// DefaultBackoff is the reduced back-off of https://kep.k8s.io/4603 (1 s, doubled up to a
// minute) instead of the 10 s to 5 min that nodes had before.
func DefaultBackoff() Backoff {
	return Backoff{Base: time.Second, Max: time.Minute, Reset: 10 * time.Minute}
}

// Delay is the time to wait before a restart that crashes ends in a row came before.
func (b Backoff) Delay(crashes int) time.Duration {
	if crashes <= 0 {
		return 0
	}
	d := b.Base
	for i := 1; i < crashes && d < b.Max; i++ {
		d *= 2
	}
	return min(d, b.Max)
}
