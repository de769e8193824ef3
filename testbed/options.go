package testbed

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/netassay/netassay/clusters/lab/network"
	"github.com/netassay/netassay/engines"
	"github.com/netassay/netassay/engines/registry"
	"github.com/netassay/netassay/internal/suggest"
	kindconfigs "github.com/netassay/netassay/kind-configs"
)

// The providers of clusters that are built in.
const (
	Lab      = "lab"      // network namespaces on this machine, without Docker or images
	Kind     = "kind"     // real kubelets and containers, in Docker
	Existing = "existing" // the cluster of a kubeconfig, of which only what was made here is touched
)

// BuiltIn are these providers, in the order of help.
func BuiltIn() []string { return []string{Lab, Kind, Existing} }

// Options say what to bring up, and where. The zero value of a field means its default; a
// field is without effect where the provider has no use for it (see Flags).
type Options struct {
	// Provider is Lab, Kind, Existing or a name in Providers.
	Provider string
	// Providers are those of the caller, which go before the ones that are built in.
	Providers map[string]Provider

	// Engine is the name of the engine under test, as package registry knows it. When empty
	// it is UnderTest; on an existing cluster, whatever is installed; else the reference
	// enforcer.
	Engine string
	// UnderTest is an engine of the caller's. An existing cluster has it already, unless it
	// can be deployed.
	UnderTest engines.Engine

	Families  string // "ipv4", "ipv6" or "dual", the default; found out of an existing cluster
	ProxyMode string // "nftables", the default, or "iptables"
	Nodes     int    // 3

	Topology  string // one of kindconfigs.Names
	NodeImage string // our own
	// Beside opens the workers of a kind cluster to engines that run as programs of this
	// machine in a worker's network namespace, and to nothing else.
	Beside bool

	Kubeconfig, Context string            // by kubectl's rules
	Registry            string            // host[:port]/path with copies of the images
	Images              map[string]string // what nodes pull, by the names agnhost, probe and enforcer
	NodeOS              string            // of the nodes that are used: "linux", the default, or "windows"
	Tolerate            []string          // taints of nodes that are used all the same, as kubectl writes them
	PullSecret          string            // file in the form of .docker/config.json

	Restricted bool // pods conform to the restricted Pod Security Standard
	Keep       bool // leave the cluster, and what was made in it
}

// Defaults are the options of a run on the lab.
func Defaults() Options {
	return Options{Provider: Lab, ProxyMode: "nftables", Nodes: 3, Topology: kindconfigs.Default}
}

const (
	defaultEngine = "reference"
	installed     = "installed" // an engine that is there and that nobody has named
)

// EngineName is what reports call the engine under test.
func (o Options) EngineName() string {
	switch {
	case o.Engine != "":
		return o.Engine
	case o.UnderTest != nil:
		return o.UnderTest.Name()
	case o.Provider == Existing:
		return installed
	default:
		return defaultEngine
	}
}

// Label tells result directories apart: the engine and, but for the lab, the provider.
func (o Options) Label() string {
	switch {
	case o.own() != nil:
		return o.Provider
	case o.Provider == Lab:
		return o.EngineName()
	default:
		return o.Provider + "-" + o.EngineName()
	}
}

// own is the caller's provider that is asked for, nil for one that is built in.
func (o Options) own() Provider { return o.Providers[o.Provider] }

// Check refuses wrong values before anything starts. An error calls an option by its flag
// with dash before it: "--" on the command line, "-" in go test.
func (o Options) Check(dash string) error {
	if own := o.own(); own != nil {
		if c, ok := own.(Checker); ok {
			return c.Check()
		}
		return nil
	}
	if err := o.checkProvider(dash, BuiltIn()); err != nil {
		return err
	}
	for _, v := range []struct {
		flag, value string
		valid       []string
	}{
		{"ip-family", o.Families, []string{"ipv4", "ipv6", "dual"}},
		{"proxy-mode", o.ProxyMode, []string{"iptables", "nftables"}},
		{"topology", o.Topology, kindconfigs.Names()},
	} {
		if v.value == "" {
			continue
		}
		if err := suggest.OneOf(dash+v.flag+" value", v.value, v.valid...); err != nil {
			return err
		}
	}
	if o.Nodes < 0 || o.Nodes > network.MaxNodes {
		return fmt.Errorf("%snodes %d: give 1 to %d", dash, o.Nodes, network.MaxNodes)
	}
	if _, err := Tolerations(o.Tolerate); err != nil {
		return fmt.Errorf("%stolerate %w", dash, err)
	}
	return o.checkEngine(dash)
}

// checkProvider refuses a provider that is neither on offer nor the caller's.
func (o Options) checkProvider(dash string, offers []string) error {
	valid := slices.Concat(offers, slices.Sorted(maps.Keys(o.Providers)))
	return suggest.OneOf(dash+"provider value", o.Provider, valid...)
}

// checkEngine refuses an engine that nobody knows, that can't be judged, or that can't work
// where nodes are out of reach.
func (o Options) checkEngine(dash string) error {
	if o.Engine == "" && (o.UnderTest != nil || o.Provider == Existing) {
		if _, ok := o.UnderTest.(engines.Deployable); !ok && o.Provider == Kind && !o.Beside {
			return unfit(o.UnderTest.Name(), dash, Kind)
		}
		return nil
	}
	entry, err := registry.Judged(cmp.Or(o.Engine, defaultEngine))
	if err != nil || o.Provider == Lab || o.Beside {
		return err
	}
	if _, ok := entry.New("").(engines.Deployable); !ok {
		return unfit(entry.Name, dash, o.Provider)
	}
	return nil
}

func unfit(engine, dash, provider string) error {
	return fmt.Errorf("engine %s works on %sprovider %s only, not on %s", engine, dash, Lab, provider)
}

// Tolerations reads taints as kubectl writes them.
func Tolerations(taints []string) ([]corev1.Toleration, error) {
	var all []corev1.Toleration
	for _, text := range taints {
		taint, effect, _ := strings.Cut(text, ":")
		key, value, equal := strings.Cut(taint, "=")
		t := corev1.Toleration{Key: key, Value: value, Effect: corev1.TaintEffect(effect), Operator: corev1.TolerationOpExists}
		if equal {
			t.Operator = corev1.TolerationOpEqual
		}
		effects := []corev1.TaintEffect{"", corev1.TaintEffectNoSchedule, corev1.TaintEffectPreferNoSchedule, corev1.TaintEffectNoExecute}
		if key == "" || !slices.Contains(effects, t.Effect) {
			return nil, fmt.Errorf("%q is no taint: give KEY, KEY=VALUE, either with :NoSchedule, :PreferNoSchedule or :NoExecute", text)
		}
		all = append(all, t)
	}
	return all, nil
}

// addImages reads NAME=REFERENCE, or several of these with commas between. No reference has
// a comma.
func (o *Options) addImages(text string) error {
	for one := range strings.SplitSeq(text, ",") {
		name, ref, _ := strings.Cut(one, "=")
		if name == "" || ref == "" {
			return fmt.Errorf("%q is not NAME=REFERENCE", one)
		}
		if o.Images == nil {
			o.Images = map[string]string{}
		}
		o.Images[name] = ref
	}
	return nil
}

// addTolerated adds taints, with commas between.
func (o *Options) addTolerated(text string) error {
	if text == "" {
		return errors.New("give a taint")
	}
	o.Tolerate = append(o.Tolerate, strings.Split(text, ",")...)
	return nil
}
