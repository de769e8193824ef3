package cases

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	netv1 "k8s.io/api/networking/v1"
)

// Action is one write to the API server. Its namespaces are logical (x, y, z) and its
// policies have placeholders, which each world resolves for itself, just before it acts:
// addresses of pods that earlier actions create are not known before.
type Action interface {
	// String names the action as reports show it, "apply x/deny".
	String() string

	do(ctx context.Context, w World) error
	effect() Effect
}

// Do makes the change of an action in a world, whose error it returns.
func Do(ctx context.Context, w World, a Action) error { return a.do(ctx, w) }

// EffectOf is what others must know of an action without doing it.
func EffectOf(a Action) Effect { return a.effect() }

// World is where actions are done: a cluster, or one in memory. A new kind of action is a
// type below and a method here, and the compiler names the worlds that lack it.
type World interface {
	ApplyPolicy(ctx context.Context, p *netv1.NetworkPolicy) error  // create, or replace the spec when it exists
	RefusePolicy(ctx context.Context, p *netv1.NetworkPolicy) error // the error says that it would be taken
	PatchPolicy(ctx context.Context, p PatchPolicy) error
	DeletePolicy(ctx context.Context, policy Ref) error
	LabelPod(ctx context.Context, l LabelPod) error
	OpenFlow(ctx context.Context, f OpenFlow) error
	LabelNamespace(ctx context.Context, l LabelNamespace) error
	CreatePod(ctx context.Context, p Pod) error   // until it runs
	DeletePod(ctx context.Context, pod Ref) error // until it is gone; one that lingers the second time only
	// CompletePod lets a pod that a case has made end, until it has succeeded.
	CompletePod(ctx context.Context, pod Ref) error
	CreateNamespace(ctx context.Context, n Namespace) error
	DeleteNamespace(ctx context.Context, name string) error // with all that is in it, until it is gone
	Rounds(n int) int                                       // how many to make of n that all do the same
	CreateService(ctx context.Context, s Front) error       // until it leads to its pod
	DeleteService(ctx context.Context, d DeleteService) error
	// Restart kills a part of the cluster, calls meanwhile, and has the part started again,
	// until it works.
	Restart(ctx context.Context, part Part, meanwhile func(context.Context) error) error
}

// Effect is what an action changes.
type Effect struct {
	Resource Resource
	Creates  string // key of the pod that begins with it; "" for none
	EndsPods bool   // it takes pods away
	Fronts   string // key of the pod whose Service changes; "" for none
}

// Resource is what the API server keeps the order of changes of.
type Resource int

// The resources that actions change.
const (
	Policies Resource = iota
	Pods
	Namespaces
	Services
	Flows // which no API server knows
)

// ApplyPolicy creates a policy, or replaces its spec when it exists.
type ApplyPolicy struct{ Policy *netv1.NetworkPolicy }

func (a ApplyPolicy) ref() Ref { return Ref{a.Policy.Namespace, a.Policy.Name} }

func (a ApplyPolicy) do(ctx context.Context, w World) error { return w.ApplyPolicy(ctx, a.Policy) }
func (a ApplyPolicy) effect() Effect                        { return Effect{Resource: Policies} }
func (a ApplyPolicy) String() string                        { return "apply " + a.ref().Key() }

// RefusePolicy offers a policy that the API server must refuse. It is never there.
type RefusePolicy struct{ Policy *netv1.NetworkPolicy }

func (a RefusePolicy) ref() Ref { return Ref{a.Policy.Namespace, a.Policy.Name} }

func (a RefusePolicy) do(ctx context.Context, w World) error { return w.RefusePolicy(ctx, a.Policy) }
func (a RefusePolicy) effect() Effect                        { return Effect{Resource: Policies} }
func (a RefusePolicy) String() string                        { return "refuse " + a.ref().Key() }

// PatchPolicy changes an existing policy by a JSON merge patch (RFC 7386).
type PatchPolicy struct {
	Ref
	Merge json.RawMessage
}

func (a PatchPolicy) do(ctx context.Context, w World) error { return w.PatchPolicy(ctx, a) }
func (a PatchPolicy) effect() Effect                        { return Effect{Resource: Policies} }
func (a PatchPolicy) String() string                        { return "patch " + a.Key() }

// DeletePolicy deletes an existing policy.
type DeletePolicy struct{ Ref }

func (a DeletePolicy) do(ctx context.Context, w World) error { return w.DeletePolicy(ctx, a.Ref) }
func (a DeletePolicy) effect() Effect                        { return Effect{Resource: Policies} }
func (a DeletePolicy) String() string                        { return "delete " + a.Key() }

// LabelPod changes labels of a pod. A nil value removes the label.
type LabelPod struct {
	Ref
	Labels map[string]*string
}

func (a LabelPod) do(ctx context.Context, w World) error { return w.LabelPod(ctx, a) }
func (a LabelPod) effect() Effect                        { return Effect{Resource: Pods} }
func (a LabelPod) String() string                        { return "label pod " + a.Key() + labelList(a.Labels) }

// LabelNamespace changes labels of a namespace. A nil value removes the label.
type LabelNamespace struct {
	Name   string
	Labels map[string]*string
}

func (a LabelNamespace) do(ctx context.Context, w World) error { return w.LabelNamespace(ctx, a) }
func (a LabelNamespace) effect() Effect                        { return Effect{Resource: Namespaces} }

func (a LabelNamespace) String() string {
	return "label namespace " + a.Name + labelList(a.Labels)
}

// CreatePod creates a pod and its Service.
type CreatePod struct{ Pod }

func (a CreatePod) do(ctx context.Context, w World) error { return w.CreatePod(ctx, a.Pod) }
func (a CreatePod) effect() Effect                        { return Effect{Resource: Pods, Creates: a.Key()} }
func (a CreatePod) String() string                        { return "create pod " + a.Key() }

// DeletePod deletes a pod.
type DeletePod struct{ Ref }

func (a DeletePod) do(ctx context.Context, w World) error { return w.DeletePod(ctx, a.Ref) }
func (a DeletePod) effect() Effect                        { return Effect{Resource: Pods, EndsPods: true} }
func (a DeletePod) String() string                        { return "delete pod " + a.Key() }

// CompletePod lets a pod that the case has made run to its end: it succeeds, and stays as an
// object that has no address any more, whatever its status shows.
type CompletePod struct{ Ref }

func (a CompletePod) do(ctx context.Context, w World) error { return w.CompletePod(ctx, a.Ref) }
func (a CompletePod) effect() Effect                        { return Effect{Resource: Pods, EndsPods: true} }
func (a CompletePod) String() string                        { return "complete pod " + a.Key() }

// CreateNamespace creates a namespace.
type CreateNamespace struct{ Namespace }

func (a CreateNamespace) do(ctx context.Context, w World) error {
	return w.CreateNamespace(ctx, a.Namespace)
}
func (a CreateNamespace) effect() Effect { return Effect{Resource: Namespaces} }
func (a CreateNamespace) String() string { return "create namespace " + a.Name }

// DeleteNamespace deletes a namespace with all that is in it.
type DeleteNamespace struct{ Name string }

func (a DeleteNamespace) do(ctx context.Context, w World) error {
	return w.DeleteNamespace(ctx, a.Name)
}
func (a DeleteNamespace) effect() Effect { return Effect{Resource: Namespaces, EndsPods: true} }
func (a DeleteNamespace) String() string { return "delete namespace " + a.Name }

// Repeat makes changes of policies and labels again and again, one round after the other.
type Repeat struct {
	Times int
	Do    []Action
}

func (a Repeat) do(ctx context.Context, w World) error {
	for n := range w.Rounds(a.Times) {
		if err := doAll(ctx, w, a.Do); err != nil {
			return fmt.Errorf("round %d: %w", n+1, err)
		}
	}
	return nil
}

func doAll(ctx context.Context, w World, all []Action) error {
	for _, a := range all {
		if err := a.do(ctx, w); err != nil {
			return fmt.Errorf("%s: %w", a, err)
		}
	}
	return nil
}

func (a Repeat) effect() Effect { return a.Do[0].effect() }
func (a Repeat) String() string { return fmt.Sprintf("%d times: %s", a.Times, joined(a.Do)) }

// enoughRounds bring about every state that any number of rounds does.
const enoughRounds = 2

// Unrolled are the actions without repeats and restarts: what is done in them, and as many rounds
// of each repeat as bring about all states that it brings about.
func Unrolled(actions []Action) []Action {
	var all []Action
	for _, a := range actions {
		switch a := a.(type) {
		case Repeat:
			all = append(all, slices.Repeat(a.Do, enoughRounds)...)
		case Restart:
			all = append(all, a.Do...)
		default:
			all = append(all, a)
		}
	}
	return all
}

// OpenFlow opens a long-lived flow between two pods in each family, once all else of its step
// is done: a connection of TCP, or datagrams between the same two ports.
type OpenFlow struct {
	Name           string
	Client, Server Ref
	Probe          Probe
}

func (a OpenFlow) do(ctx context.Context, w World) error { return w.OpenFlow(ctx, a) }
func (a OpenFlow) effect() Effect                        { return Effect{Resource: Flows} }
func (a OpenFlow) String() string {
	return fmt.Sprintf("open flow %s from %s to %s %s", a.Name, a.Client.Key(), a.Server.Key(), a.Probe)
}

// labelList prints label changes as " color=blue old-", as kubectl label takes them.
func labelList(labels map[string]*string) string {
	var b strings.Builder
	for _, k := range slices.Sorted(maps.Keys(labels)) {
		if v := labels[k]; v != nil {
			b.WriteString(" " + k + "=" + *v)
		} else {
			b.WriteString(" " + k + "-")
		}
	}
	return b.String()
}
