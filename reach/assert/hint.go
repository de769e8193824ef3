package assert

import (
	"slices"
	"strings"

	"github.com/netassay/netassay/internal/suggest"
)

// near ends an error with the nearest names, or with nothing.
func near(name string, valid []string) string {
	if found := suggest.Nearest(name, valid); len(found) > 0 {
		return "; did you mean " + strings.Join(found, ", ") + "?"
	}
	return ""
}

func (r *resolver) namespaces() (names []string) {
	for _, n := range r.inv.Namespaces {
		names = append(names, n.Name)
	}
	return names
}

// workloads are the names of the pods of a namespace without what controllers put behind them.
func (r *resolver) workloads(namespace string) (names []string) {
	for i := range r.inv.Pods {
		pod := &r.inv.Pods[i]
		if namespace != "" && pod.Namespace != namespace {
			continue
		}
		name := pod.Name
		for cut := len(name) - 1; cut > 0; cut-- {
			if name[cut] == '-' && Named(name[:cut], name) {
				name = name[:cut]
				break
			}
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// labels are those of the pods of a namespace, as patterns have them.
func (r *resolver) labels(namespace string) (all []string) {
	seen := map[string]bool{}
	for i := range r.inv.Pods {
		pod := &r.inv.Pods[i]
		if namespace != "" && pod.Namespace != namespace {
			continue
		}
		for k, v := range pod.Labels {
			if text := k + "=" + v; !seen[text] {
				seen[text] = true
				all = append(all, text)
			}
		}
	}
	return all
}

func labelText(labels []label) string {
	var parts []string
	for _, l := range labels {
		parts = append(parts, l.key+"="+l.value)
	}
	return strings.Join(parts, "&")
}
