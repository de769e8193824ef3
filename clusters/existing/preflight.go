package existing

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/netassay/netassay/clusters"
	"github.com/netassay/netassay/probe/podspec"
)

// Problem is one thing that keeps a suite from working as it should.
type Problem struct {
	// Line says what is wrong, where, and what would cure it.
	Line string
	// Fatal: the suite can't run at all. Otherwise it can do less.
	Fatal bool
}

func (p Problem) String() string { return p.Line }

func fatal(format string, args ...any) Problem {
	return Problem{Line: oneLine(fmt.Sprintf(format, args...)), Fatal: true}
}

func lesser(format string, args ...any) Problem {
	return Problem{Line: oneLine(fmt.Sprintf(format, args...))}
}

// oneLine is text without line breaks: API servers quote what others wrote.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// Fatal reports whether one of the problems is.
func Fatal(all []Problem) bool {
	return slices.ContainsFunc(all, func(p Problem) bool { return p.Fatal })
}

// Preflight looks for all that would keep a suite with these needs from working: rights,
// admission, nodes. What kept it from looking is a problem too. It makes a namespace for
// each sample, asks by a dry run whether the pod may be created there, and removes it.
func (c *Cluster) Preflight(ctx context.Context, needs clusters.Needs) []Problem {
	client, err := kubernetes.NewForConfig(c.REST())
	if err != nil {
		return []Problem{fatal("can't make a client for %s: %v", c.name, err)}
	}
	problems := missingRights(ctx, client, needs.Permissions)
	if !Fatal(problems) { // without the rights, admission would only repeat them
		problems = append(problems, refusals(ctx, client, needs)...)
	}
	problems = append(problems, c.nodeProblems(ctx, client, needs.Nodes)...)
	problems = append(problems, overruled(ctx, client.Discovery().RESTClient())...)
	return append(problems, besieged(ctx, client, c.inside)...)
}

// nodeProblems are those nodes that one would expect to hold pods and that can't, and
// whether too few are left.
func (c *Cluster) nodeProblems(ctx context.Context, client kubernetes.Interface, want int) []Problem {
	list, err := client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if apierrors.IsForbidden(err) {
		return nil // missingRights has said so
	}
	if err != nil {
		return []Problem{fatal("can't list nodes of %s: %v", c.name, err)}
	}
	slices.SortFunc(list.Items, func(a, b corev1.Node) int { return cmp.Compare(a.Name, b.Name) })
	var problems []Problem
	able := 0
	for i := range list.Items {
		n := &list.Items[i]
		why := unusable(n, c.tolerations, c.nodeOS)
		if why == "" {
			able++
			why = foreign(n)
		}
		if why != "" && !expected(n, c.nodeOS) {
			problems = append(problems, lesser("node %s %s", n.Name, why))
		}
	}
	switch {
	case able == 0:
		problems = append(problems, fatal("no node of %s can hold pods: the suite needs a node that is Ready, runs %s and has no taint, or name the taint by --tolerate", c.name, cmp.Or(c.nodeOS, podspec.Linux)))
	case able < want:
		problems = append(problems, lesser("%d of %d nodes can hold pods: cases that need %d are skipped", able, len(list.Items), want))
	}
	return problems
}

// expected says that nobody wonders why the suite does not use this node: it is a healthy
// one of the control plane, or a hollow one, of which there may be hundreds, or one for Linux where
// Windows was asked for.
func expected(n *corev1.Node, system string) bool {
	return hollow(n) || system == podspec.Windows && systemOf(n) != system || ready(n) && slices.ContainsFunc(n.Spec.Taints, func(t corev1.Taint) bool {
		return t.Key == "node-role.kubernetes.io/control-plane" || t.Key == "node-role.kubernetes.io/master"
	})
}

// foreign is why images may not run on a node, "" when they should.
func foreign(n *corev1.Node) string {
	switch arch := n.Status.NodeInfo.Architecture; arch {
	case "", "amd64", "arm64":
		return ""
	default:
		return "has architecture " + arch + ": images are published for amd64 and arm64: name your own by --image"
	}
}
