package testbed

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"
	corev1 "k8s.io/api/core/v1"

	"github.com/netassay/netassay/engines"
	"github.com/netassay/netassay/engines/registry"
)

func TestCheck(t *testing.T) {
	own := map[string]Provider{"own": given{}, "picky": picky{}}
	for _, tc := range []struct {
		name string
		o    Options
		want string // "" is right
	}{
		{"nothing", Options{}, `unknown -provider value "": `},
		{"defaults", Defaults(), ""},
		{"provider", Options{Provider: "knd"}, `unknown -provider value "knd": did you mean kind?`},
		{"own", Options{Provider: "own", Providers: own}, ""},
		{"own, its way", Options{Provider: "picky", Providers: own}, "broken"},
		{"own, mistyped", Options{Provider: "pick", Providers: own}, `unknown -provider value "pick": did you mean picky?`},

		{"lab", Options{Provider: Lab, Families: "ipv6", ProxyMode: "nftables", Nodes: 1, Engine: "kube-router"}, ""},
		{"lab, family", Options{Provider: Lab, Families: "v6"}, `unknown -ip-family value "v6"`},
		{"lab, proxy", Options{Provider: Lab, ProxyMode: "ipvs"}, `unknown -proxy-mode value "ipvs"`},
		{"lab, nodes", Options{Provider: Lab, Nodes: -1}, "-nodes -1: give 1 to "},
		{"lab, engine", Options{Provider: Lab, Engine: "refrence"}, `unknown engine "refrence": did you mean reference?`},
		{"lab, not to be judged", Options{Provider: Lab, Engine: "kube-network-policies-xtqueue"}, "can't be judged"},
		{"lab, own engine", Options{Provider: Lab, UnderTest: agent{}}, ""},
		{"lab, another in its place", Options{Provider: Lab, UnderTest: agent{}, Engine: "non"}, `unknown engine "non"`},

		{"kind", Options{Provider: Kind, Topology: "ipv6"}, ""},
		{"kind, topology", Options{Provider: Kind, Topology: "dula"}, `unknown -topology value "dula": did you mean dual?`},
		{"kind, engine", Options{Provider: Kind, Engine: "deny-all"}, "engine deny-all works on -provider lab only, not on kind"},
		{"kind, peer", Options{Provider: Kind, Engine: "kube-router"}, "engine kube-router works on -provider lab only, not on kind"},
		{"kind, own engine", Options{Provider: Kind, UnderTest: daemonSet{}}, ""},
		{"kind, own engine for nodes", Options{Provider: Kind, UnderTest: agent{}}, "engine agent works on -provider lab only, not on kind"},
		{"kind, beside", Options{Provider: Kind, UnderTest: agent{}, Beside: true}, ""},

		{"existing", Options{Provider: Existing, Tolerate: []string{"a", "b=c:NoSchedule"}}, ""},
		{"existing, taint", Options{Provider: Existing, Tolerate: []string{"a:Always"}}, `-tolerate "a:Always" is no taint`},
		{"existing, engine", Options{Provider: Existing, Engine: "reference"}, ""},
		{"existing, engine for nodes", Options{Provider: Existing, Engine: "deny-all"}, "engine deny-all works on -provider lab only, not on existing"},
		{"existing, own engine is there", Options{Provider: Existing, UnderTest: agent{}}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := tc.o.Check("-")
			if tc.want == "" && err == nil {
				return
			}
			if err == nil || tc.want == "" || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want %q", err, tc.want)
			}
		})
	}
}

// What Check lets through can be brought up: each engine has a program that is found, and is
// deployable where it must be.
func TestEveryEngineIsCheckedAsItIsBuilt(t *testing.T) {
	for _, e := range registry.Entries() {
		_, deployable := e.New("").(engines.Deployable)
		for provider, want := range map[string]bool{Lab: e.Unfit == "", Kind: deployable && e.Unfit == "", Existing: deployable && e.Unfit == ""} {
			if err := (Options{Provider: provider, Engine: e.Name}).Check("-"); (err == nil) != want {
				t.Errorf("%s on %s: error %v", e.Name, provider, err)
			}
		}
	}
}

func TestNames(t *testing.T) {
	for _, tc := range []struct {
		o             Options
		engine, label string
	}{
		{Options{Provider: Lab}, "reference", "reference"},
		{Options{Provider: Lab, Engine: "none", UnderTest: agent{}}, "none", "none"},
		{Options{Provider: Kind, UnderTest: daemonSet{}}, "agent", "kind-agent"},
		{Options{Provider: Existing}, "installed", "existing-installed"},
		{Options{Provider: Existing, Engine: "reference"}, "reference", "existing-reference"},
		{Options{Provider: "own", Providers: map[string]Provider{"own": given{}}}, "reference", "own"},
	} {
		if got := tc.o.EngineName(); got != tc.engine {
			t.Errorf("%+v: engine %s, want %s", tc.o, got, tc.engine)
		}
		if got := tc.o.Label(); got != tc.label {
			t.Errorf("%+v: label %s, want %s", tc.o, got, tc.label)
		}
	}
}

// Images are given one by one, or with commas between.
func TestImages(t *testing.T) {
	want := map[string]string{"probe": "r/probe:1", "agnhost": "r:5000/a@sha256:0"}
	for _, given := range [][]string{{"probe=r/probe:1,agnhost=r:5000/a@sha256:0"}, {"probe=r/probe:1", "agnhost=r:5000/a@sha256:0"}} {
		var o Options
		for _, text := range given {
			if err := o.addImages(text); err != nil {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff(want, o.Images); diff != "" {
			t.Errorf("%q (-want +got):\n%s", given, diff)
		}
	}
	for _, bad := range []string{"", "probe", "=r/probe:1", "probe=", "probe=r/probe:1,"} {
		if err := new(Options).addImages(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

func TestTolerations(t *testing.T) {
	got, err := Tolerations([]string{"a", "b=c", "d:NoExecute", "e=f:NoSchedule"})
	want := []corev1.Toleration{
		{Key: "a", Operator: corev1.TolerationOpExists},
		{Key: "b", Operator: corev1.TolerationOpEqual, Value: "c"},
		{Key: "d", Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoExecute},
		{Key: "e", Operator: corev1.TolerationOpEqual, Value: "f", Effect: corev1.TaintEffectNoSchedule},
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("error %v (-want +got):\n%s", err, diff)
	}
}

// Each flag sets an option, none two, and every option that users are to set has one.
func TestEveryOptionHasItsFlag(t *testing.T) {
	unflagged := []string{
		"Providers", "UnderTest", "Beside", // a program's to say, not its user's
		"NodeOS", // of netassay verify alone, as nothing else runs on Windows
	}
	values := map[string]string{"nodes": "7", "image": "probe=p", "restricted": "true", "keep": "true"}
	by := map[string]string{} // field, flag
	for _, r := range table() {
		o, set := Defaults(), pflag.NewFlagSet("", pflag.ContinueOnError)
		Flags{Offers: BuiltIn()}.Register(set, &o)
		before, value := o, values[r.name]
		if value == "" {
			value = "x"
		}
		if err := set.Set(r.name, value); err != nil {
			t.Fatal(err)
		}
		was, is := reflect.ValueOf(before), reflect.ValueOf(o)
		for i := range was.NumField() {
			if name := was.Type().Field(i).Name; !reflect.DeepEqual(was.Field(i).Interface(), is.Field(i).Interface()) {
				if by[name] != "" {
					t.Errorf("%s is set by --%s and --%s", name, by[name], r.name)
				}
				by[name] = r.name
			}
		}
	}
	if len(by) != len(table()) {
		t.Errorf("%d flags set %d options: %v", len(table()), len(by), by)
	}
	for _, f := range reflect.VisibleFields(reflect.TypeFor[Options]()) {
		if by[f.Name] == "" && !slices.Contains(unflagged, f.Name) {
			t.Errorf("no flag for option %s", f.Name)
		}
	}
}

// A command has the flags of the providers that it offers, and says for which they are when
// that is not all.
func TestFlagsOnOffer(t *testing.T) {
	for _, tc := range []struct {
		name  string
		flags Flags
		want  map[string]string // how usage begins
		lacks []string
	}{
		{
			"all",
			Flags{Offers: BuiltIn()},
			map[string]string{
				"provider": "where to run: lab (no Docker), kind (containers), existing", "engine": "engine under test", "ip-family": "lab and existing: IP",
				"nodes": "lab: number", "topology": "kind: one of", "tolerate": "existing: also", "keep": "kind and existing: leave",
			},
			nil,
		},
		{
			"lab only",
			Flags{Offers: []string{Lab}, Without: []string{"proxy-mode"}},
			map[string]string{"engine": "engine", "ip-family": "IP", "nodes": "number"},
			[]string{"provider", "proxy-mode", "topology", "keep", "kubeconfig"},
		},
		{
			"two",
			Flags{Offers: []string{Lab, Kind}},
			map[string]string{"provider": "where to run: lab (no Docker), kind (containers)", "ip-family": "lab: IP", "keep": "kind: leave"},
			[]string{"kubeconfig", "image"},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			o, set := Defaults(), pflag.NewFlagSet("", pflag.ContinueOnError)
			tc.flags.Register(set, &o)
			for name, want := range tc.want {
				if f := set.Lookup(name); f == nil || !strings.HasPrefix(f.Usage, want) {
					t.Errorf("--%s: %+v, want usage %q", name, f, want)
				}
			}
			for _, name := range tc.lacks {
				if set.Lookup(name) != nil {
					t.Errorf("--%s is there", name)
				}
			}
		})
	}
}

func TestFlagsWithoutEffectAreRefused(t *testing.T) {
	for _, tc := range []struct {
		dash   string
		offers []string
		args   string
		want   string
	}{
		{"--", BuiltIn(), "--nodes 2", ""},
		{"--", BuiltIn(), "--provider kind --topology ipv4 --keep", ""},
		{"--", BuiltIn(), "--provider existing --keep --ip-family ipv4", ""},
		{"--", BuiltIn(), "--topology ipv6", "--topology is for --provider kind, not lab"},
		{"-", BuiltIn(), "--keep", "-keep is for -provider kind and existing, not lab"},
		{"--", []string{Lab, Kind}, "--keep", "--keep is for --provider kind, not lab"},
		{"--", []string{Lab, Kind}, "--provider existing", `unknown --provider value "existing": valid are lab, kind`},
		{"-", BuiltIn(), "--provider own --engine none", "-engine is for -provider lab and kind and existing, not own"},
		{"-", BuiltIn(), "--provider own", ""},
		{"-", BuiltIn(), "--ip-family v4", `unknown -ip-family value "v4": did you mean`},
	} {
		t.Run(tc.args, func(t *testing.T) {
			o, set := Defaults(), pflag.NewFlagSet("", pflag.ContinueOnError)
			o.Providers = map[string]Provider{"own": given{}}
			f := Flags{Dash: tc.dash, Offers: tc.offers}
			f.Register(set, &o)
			if err := set.Parse(strings.Fields(tc.args)); err != nil {
				t.Fatal(err)
			}
			got := ""
			if err := f.Check(set, o); err != nil {
				got = err.Error()
			}
			if got != tc.want && (tc.want == "" || !strings.HasPrefix(got, tc.want)) {
				t.Errorf("error %q, want %q", got, tc.want)
			}
		})
	}
}
