package agent

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	netv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/flowcontrol"

	"github.com/netassay/netassay/enforcer/plan"
)

// reason and component name the events that the agent posts on policies.
const (
	eventReason    = "UntranslatableRule"
	aheadReason    = "PoliciesBypassed"
	degradedReason = "EnforcerDegraded"
	eventComponent = "netassay-enforcer"
	eventTimeout   = 10 * time.Second
	eventQueue     = 64 // more than these at once are logged only
)

// reporter tells about policies' pieces that could not be translated: once when one
// appears and once when it is gone, however often the plan is made anew.
type reporter struct {
	log    *slog.Logger
	known  map[plan.Problem]bool
	events chan *corev1.Event
	node   string

	lines, posts flowcontrol.PassiveRateLimiter
	untold       int // lines left out since the last one
}

// How much is told at once, and how much per second from then on. A client that edits a
// policy without end must fill neither the log nor the API server; the gauge has it all.
const (
	linesBurst, linesRate = 40, 0.1
	postsBurst, postsRate = 64, 1
)

func newReporter(log *slog.Logger, node string) *reporter {
	return &reporter{
		log: log, node: node, known: map[plan.Problem]bool{}, events: make(chan *corev1.Event, eventQueue),
		lines: flowcontrol.NewTokenBucketPassiveRateLimiter(linesRate, linesBurst),
		posts: flowcontrol.NewTokenBucketPassiveRateLimiter(postsRate, postsBurst),
	}
}

// update compares the problems of a new plan with those told.
func (r *reporter) update(problems []plan.Problem, policies []*netv1.NetworkPolicy, now time.Time) {
	current := make(map[plan.Problem]bool, len(problems))
	for _, p := range problems {
		current[p] = true
		if r.known[p] {
			continue
		}
		r.line(slog.LevelWarn, "part of a policy can't be enforced and allows nothing", "namespace", p.Namespace, "policy", p.Policy, "field", p.Field, "detail", p.Detail)
		if !r.posts.TryAccept() {
			continue
		}
		select {
		case r.events <- event(p, uidOf(policies, p), r.node, now):
		default:
		}
	}
	for p := range r.known {
		if !current[p] {
			r.line(slog.LevelInfo, "part of a policy that couldn't be enforced was removed", "namespace", p.Namespace, "policy", p.Policy, "field", p.Field)
		}
	}
	r.known = current
}

// line writes to the log, unless it had too many lines already.
func (r *reporter) line(level slog.Level, message string, attrs ...any) {
	if !r.lines.TryAccept() {
		r.untold++
		return
	}
	if r.untold > 0 {
		attrs = append(attrs, "suppressed", r.untold)
		r.untold = 0
	}
	r.log.Log(context.Background(), level, message, attrs...)
}

// ahead tells of rules of others that can let packets by, in an event of the node.
func (r *reporter) ahead(rules []string, now time.Time) {
	text := strings.Join(rules, "; ")
	r.line(slog.LevelWarn, "rules ahead of ours can let packets by", "rules", text)
	r.ofNode(aheadReason, text, "Policies are not enforced for packets that these rules let by: "+text+". Delete them, or put them after the jump to a chain "+plan.ChainPrefix+"*.", now)
}

// ofNode posts an event of the node, named after what it is about.
func (r *reporter) ofNode(reason, about, message string, now time.Time) {
	e := event(plan.Problem{Namespace: metav1.NamespaceDefault, Detail: about}, types.UID(r.node), r.node, now)
	e.InvolvedObject = corev1.ObjectReference{APIVersion: "v1", Kind: "Node", Name: r.node, UID: types.UID(r.node)}
	e.Reason, e.Message = reason, message
	select {
	case r.events <- e:
	default:
	}
}

func uidOf(policies []*netv1.NetworkPolicy, p plan.Problem) types.UID {
	for _, np := range policies {
		if np.Namespace == p.Namespace && np.Name == p.Policy {
			return np.UID
		}
	}
	return ""
}

// event has a name made of what it says, so that the agents of all nodes, and each of them
// after a restart, post the same one.
func event(p plan.Problem, uid types.UID, node string, now time.Time) *corev1.Event {
	sum := sha256.Sum256([]byte(string(uid) + "\x00" + p.Field + "\x00" + p.Detail))
	at := metav1.NewTime(now)
	return &corev1.Event{
		ObjectMeta: metav1.ObjectMeta{Namespace: p.Namespace, Name: "npenf-" + hex.EncodeToString(sum[:8])},
		InvolvedObject: corev1.ObjectReference{
			APIVersion: "networking.k8s.io/v1", Kind: "NetworkPolicy",
			Namespace: p.Namespace, Name: p.Policy, UID: uid, FieldPath: p.Field,
		},
		Type: corev1.EventTypeWarning, Reason: eventReason, Count: 1,
		Message:        p.Field + ": " + p.Detail + " This part allows nothing.",
		FirstTimestamp: at, LastTimestamp: at,
		Source:              corev1.EventSource{Component: eventComponent, Host: node},
		ReportingController: eventComponent, ReportingInstance: node,
	}
}

// post sends events until ctx ends. An event that can't be posted is a line in the log: it
// must never hold up enforcement.
func (r *reporter) post(ctx context.Context, core rest.Interface) {
	for {
		select {
		case <-ctx.Done():
			return
		case e := <-r.events:
			r.postOne(ctx, core, e)
		}
	}
}

func (r *reporter) postOne(ctx context.Context, core rest.Interface, e *corev1.Event) {
	ctx, cancel := context.WithTimeout(ctx, eventTimeout)
	defer cancel()
	err := core.Post().Namespace(e.Namespace).Resource("events").Body(e).Do(ctx).Error()
	if err != nil && !apierrors.IsAlreadyExists(err) && ctx.Err() == nil {
		r.log.Warn("can't post event", "about", e.InvolvedObject.Kind+" "+e.InvolvedObject.Namespace+"/"+e.InvolvedObject.Name, "error", err)
	}
}
