package lifecycle

import (
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

// Status is the status of the pod at the time now. Conditions that did not change since
// before keep their transition times.
func Status(p *Pod, before []corev1.PodCondition, now time.Time) corev1.PodStatus {
	s := corev1.PodStatus{
		ObservedGeneration: p.Generation,
		Phase:              phase(p),
		StartTime:          ptr.To(metav1.NewTime(p.StartTime)),
	}
	addresses(p, &s)
	for i := range p.Containers {
		s.ContainerStatuses = append(s.ContainerStatuses, containerStatus(p, &p.Containers[i]))
	}
	s.Conditions = conditions(p, s.Phase, before, now)
	return s
}

func addresses(p *Pod, s *corev1.PodStatus) {
	for _, ip := range p.HostIPs {
		s.HostIPs = append(s.HostIPs, corev1.HostIP{IP: ip})
	}
	for _, ip := range p.PodIPs {
		s.PodIPs = append(s.PodIPs, corev1.PodIP{IP: ip})
	}
	if len(p.HostIPs) > 0 {
		s.HostIP = p.HostIPs[0]
	}
	if len(p.PodIPs) > 0 {
		s.PodIP = p.PodIPs[0]
	}
}

// phase follows https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-phase.
func phase(p *Pod) corev1.PodPhase {
	if p.Ended {
		return finalPhase(p)
	}
	for i := range p.Containers {
		if !p.Containers[i].Launched {
			return corev1.PodPending
		}
	}
	return corev1.PodRunning
}

// finalPhase: "Succeeded: all containers have terminated in success; Failed: at least one
// container has terminated in failure". A container that never ran has not succeeded.
func finalPhase(p *Pod) corev1.PodPhase {
	for i := range p.Containers {
		if c := &p.Containers[i]; c.Exit == nil || c.Exit.ExitCode != 0 {
			return corev1.PodFailed
		}
	}
	return corev1.PodSucceeded
}

func containerStatus(p *Pod, c *Container) corev1.ContainerStatus {
	cs := corev1.ContainerStatus{
		Name: c.Name, Image: c.Image, ImageID: c.ImageID, ContainerID: c.ID,
		RestartCount: c.Restarts,
		Ready:        c.ready(),
		Started:      ptr.To(c.Stage == Running),
	}
	switch c.Stage {
	case Created:
		cs.State.Waiting = &corev1.ContainerStateWaiting{Reason: "ContainerCreating"}
	case Blocked:
		cs.State.Waiting = c.Waiting.DeepCopy()
		cs.LastTerminationState.Terminated = c.Exit.DeepCopy()
	case Running:
		cs.State.Running = &corev1.ContainerStateRunning{StartedAt: metav1.NewTime(c.StartedAt)}
		cs.LastTerminationState.Terminated = c.Exit.DeepCopy()
	case Exited:
		exited(p, c, &cs)
	}
	return cs
}

// exited is CrashLoopBackOff while a restart is held back, and Terminated otherwise.
func exited(p *Pod, c *Container, cs *corev1.ContainerStatus) {
	held := c.NotBefore.Sub(c.Exit.FinishedAt.Time)
	if p.over() || !c.restarts() || held <= 0 {
		cs.State.Terminated = c.Exit.DeepCopy()
		return
	}
	cs.State.Waiting = &corev1.ContainerStateWaiting{
		Reason:  "CrashLoopBackOff",
		Message: fmt.Sprintf("back-off %s restarting failed container=%s", held, c.Name),
	}
	cs.LastTerminationState.Terminated = c.Exit.DeepCopy()
}

// over reports whether no container will be started any more.
func (p *Pod) over() bool {
	return p.Ended || p.Deleting || p.done()
}

// finding is a condition before its times are known.
type finding struct {
	kind            corev1.PodConditionType
	ok              bool
	reason, message string
}

func conditions(p *Pod, phase corev1.PodPhase, before []corev1.PodCondition, now time.Time) []corev1.PodCondition {
	findings := []finding{
		{kind: corev1.PodReadyToStartContainers, ok: p.Networked},
		{kind: corev1.PodScheduled, ok: true},
		initialized(phase),
		containersReady(p, phase, corev1.ContainersReady),
		containersReady(p, phase, corev1.PodReady),
	}
	out := make([]corev1.PodCondition, 0, len(findings))
	for _, f := range findings {
		out = append(out, f.condition(p.Generation, before, now))
	}
	return out
}

func initialized(phase corev1.PodPhase) finding {
	f := finding{kind: corev1.PodInitialized, ok: true}
	if phase == corev1.PodSucceeded {
		f.reason = "PodCompleted"
	}
	return f
}

func containersReady(p *Pod, phase corev1.PodPhase, kind corev1.PodConditionType) finding {
	f := finding{kind: kind}
	switch names := p.unready(); {
	case phase == corev1.PodSucceeded:
		f.reason = "PodCompleted"
	case phase == corev1.PodFailed:
		f.reason = "PodFailed"
	case len(names) > 0:
		f.reason = "ContainersNotReady"
		f.message = fmt.Sprintf("containers with unready status: [%s]", strings.Join(names, " "))
	default:
		f.ok = true
	}
	return f
}

// unready names the containers that keep the pod from being ready.
func (p *Pod) unready() []string {
	var names []string
	for i := range p.Containers {
		if c := &p.Containers[i]; !c.ready() {
			names = append(names, c.Name)
		}
	}
	return names
}

func (f finding) condition(generation int64, before []corev1.PodCondition, now time.Time) corev1.PodCondition {
	status := corev1.ConditionFalse
	if f.ok {
		status = corev1.ConditionTrue
	}
	c := corev1.PodCondition{
		Type: f.kind, Status: status, Reason: f.reason, Message: f.message,
		ObservedGeneration: generation, LastTransitionTime: metav1.NewTime(now),
	}
	for _, old := range before {
		if old.Type == f.kind && old.Status == status {
			c.LastTransitionTime = old.LastTransitionTime
		}
	}
	return c
}
