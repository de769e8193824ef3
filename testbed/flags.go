package testbed

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	kindconfigs "github.com/netassay/netassay/kind-configs"
)

// Flags are the flags over Options that a command, or a test binary, has. There is one
// table of them: what the command line has, go test has, under the same name.
type Flags struct {
	// Dash is how errors spell a flag: "--" on the command line, "-" in go test.
	Dash string
	// Offers are the providers that can be chosen from. With one there is nothing to choose.
	Offers []string
	// Without are flags that it lacks, because what they would say is settled or said
	// otherwise.
	Without []string
}

// row is an option that has a flag.
type row struct {
	name   string
	serves []string // the providers that it has an effect for; nil: all, and those of callers
	usage  string
	field  func(o *Options) any // a pointer to the option, or what adds to it
}

// table lists all options that have flags.
func table() []row {
	return []row{
		{"provider", nil, "where to run: ", func(o *Options) any { return &o.Provider }},
		{"engine", []string{Lab, Kind, Existing}, "engine under test, see netassay engines (default reference, or what an existing cluster has)", func(o *Options) any { return &o.Engine }},
		{"ip-family", []string{Lab, Existing}, "IP families of pods: ipv4, ipv6 or dual (default dual, or what an existing cluster has)", func(o *Options) any { return &o.Families }},
		{"proxy-mode", []string{Lab}, "kube-proxy mode: nftables, or iptables, which takes more of the machine", func(o *Options) any { return &o.ProxyMode }},
		{"nodes", []string{Lab}, "number of nodes", func(o *Options) any { return &o.Nodes }},
		{"topology", []string{Kind}, "one of " + strings.Join(kindconfigs.Names(), ", "), func(o *Options) any { return &o.Topology }},
		{"node-image", []string{Kind}, "image of the nodes (default: our own, built when need be)", func(o *Options) any { return &o.NodeImage }},
		{"kubeconfig", []string{Existing}, "path of a kubeconfig (default: as kubectl)", func(o *Options) any { return &o.Kubeconfig }},
		{"context", []string{Existing}, "context of the kubeconfig", func(o *Options) any { return &o.Context }},
		{"registry", []string{Existing}, "host[:port]/path of a registry with copies of the images", func(o *Options) any { return &o.Registry }},
		{"image", []string{Existing}, "what nodes pull, as `NAME=REFERENCE`; names are agnhost, probe and enforcer; may be repeated", func(o *Options) any { return o.addImages }},
		{"tolerate", []string{Existing}, "also use nodes with this `taint`: key, key=value, either with :effect; may be repeated", func(o *Options) any { return o.addTolerated }},
		{"pull-secret", []string{Existing}, "`file` in the form of .docker/config.json by which nodes pull images", func(o *Options) any { return &o.PullSecret }},
		{"restricted", []string{Kind, Existing}, "pods that conform to the restricted Pod Security Standard; SCTP is skipped", func(o *Options) any { return &o.Restricted }},
		{"keep", []string{Kind, Existing}, "leave the cluster, and what was made in it, as it is at the end", func(o *Options) any { return &o.Keep }},
	}
}

// rows are those of the table that f has.
func (f Flags) rows() []row {
	return slices.DeleteFunc(table(), func(r row) bool {
		offered := r.serves == nil || slices.ContainsFunc(r.serves, func(p string) bool { return slices.Contains(f.Offers, p) })
		return !offered || slices.Contains(f.Without, r.name) || r.name == "provider" && len(f.Offers) == 1
	})
}

// servedBy are the providers on offer that a flag has an effect for; nil: all there are.
func (f Flags) servedBy(r row) []string {
	return slices.DeleteFunc(slices.Clone(r.serves), func(p string) bool { return !slices.Contains(f.Offers, p) })
}

// usage says what a flag is for and, unless it is for all on offer, for which providers.
func (f Flags) usage(r row) string {
	switch by := f.servedBy(r); {
	case r.name == "provider":
		about := map[string]string{Lab: "lab (no Docker)", Kind: "kind (containers)", Existing: "existing (a kubeconfig)"}
		var offers []string
		for _, p := range f.Offers {
			offers = append(offers, about[p])
		}
		return r.usage + strings.Join(offers, ", ")
	case by == nil || len(by) == len(f.Offers):
		return r.usage
	default:
		return strings.Join(by, " and ") + ": " + r.usage
	}
}

// Register makes the flags. What o holds are their defaults.
func (f Flags) Register(set *pflag.FlagSet, o *Options) {
	for _, r := range f.rows() {
		switch field := r.field(o).(type) {
		case *string:
			set.StringVar(field, r.name, *field, f.usage(r))
		case *int:
			set.IntVar(field, r.name, *field, f.usage(r))
		case *bool:
			set.BoolVar(field, r.name, *field, f.usage(r))
		case func(string) error:
			set.Func(r.name, f.usage(r), field)
		}
	}
}

// Check refuses wrong values, and flags of set that were given and would be without effect.
func (f Flags) Check(set *pflag.FlagSet, o Options) error {
	if err := o.checkProvider(f.Dash, f.Offers); err != nil {
		return err
	}
	for _, r := range f.rows() {
		if by := f.servedBy(r); by != nil && set.Changed(r.name) && !slices.Contains(by, o.Provider) {
			return fmt.Errorf("%s%s is for %sprovider %s, not %s", f.Dash, r.name, f.Dash, strings.Join(by, " and "), o.Provider)
		}
	}
	return o.Check(f.Dash)
}
