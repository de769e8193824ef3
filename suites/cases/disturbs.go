package cases

import (
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/netassay/netassay/model"
)

// Disturbs are the pods that the case touches when it is played to step end and undone: those
// that come, go or get another Service, and those that a policy selects, as both were at any
// time. An engine has no reason to treat the others otherwise than before, whatever it heard
// of first.
func (c Case) Disturbs(end int) map[string]bool {
	fake, d := c.after(-1), disturbance{pods: map[string]bool{}}
	var done []Action
	for _, s := range c.Steps[:end+1] {
		done = append(done, s.Do...)
	}
	for _, a := range Unrolled(append(done, c.Undo(end)...)) {
		_ = fake.Do(a) // checked when the case was loaded; what is gone already was noted
		d.pods[a.effect().Creates], d.pods[a.effect().Fronts] = true, true
		d.look(fake.Snapshot)
	}
	d.meet()
	return d.pods
}

// disturbance is all that an engine can have heard of a case.
type disturbance struct {
	pods     map[string]bool
	labelled []model.Pod // as they were at any time
	selected []selection
}

// selection is what a policy isolated at some time.
type selection struct {
	namespace string
	pods      labels.Selector
}

// look adds a state of the cluster.
func (d *disturbance) look(s model.Snapshot) {
	d.labelled = append(d.labelled, s.Pods...)
	for _, p := range s.Policies {
		selector, err := metav1.LabelSelectorAsSelector(&p.Spec.PodSelector)
		if err != nil {
			selector = labels.Everything()
		}
		d.selected = append(d.selected, selection{p.Namespace, selector})
	}
}

// meet adds the pods that were selected.
func (d *disturbance) meet() {
	for _, p := range d.labelled {
		key := strings.TrimSuffix(p.Namespace, suffix) + "/" + p.Name
		for _, s := range d.selected {
			if !d.pods[key] && s.namespace == p.Namespace && s.pods.Matches(labels.Set(p.Labels)) {
				d.pods[key] = true
			}
		}
	}
}
