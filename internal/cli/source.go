package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"

	"github.com/spf13/pflag"

	"github.com/netassay/netassay/clusters/existing"
	"github.com/netassay/netassay/reach/inventory"
	"github.com/netassay/netassay/reach/live"
	"github.com/netassay/netassay/reach/manifests"
	"github.com/netassay/netassay/reach/snapshot"
	"github.com/netassay/netassay/testbed"
)

// source is where somebody's own objects are read from.
type source struct {
	files     []string
	snapshot  string
	bed       bed // of which the cluster's name is read, and nothing else
	namespace string
	podCIDRs  []string
}

// register adds the flags; a command that makes snapshots does not read one.
func (s *source) register(set *pflag.FlagSet, snapshots bool) {
	set.StringSliceVarP(&s.files, "filename", "f", nil, "manifests: files, directories with all below them, or - for standard input")
	if snapshots {
		set.StringVar(&s.snapshot, "snapshot", "", "a file that netassay snapshot wrote")
	}
	s.bed = newBed([]string{testbed.Existing}, cleanLacks()...)
	s.bed.register(set)
	set.StringVarP(&s.namespace, "namespace", "n", "", "namespace of what names none (default \"default\")")
	set.StringSliceVar(&s.podCIDRs, "pod-cidr", nil, "range that pods of manifests get their addresses from, one of each family (default 10.244.0.0/16,fd00:10:244::/56)")
}

// within is the namespace of a name without one.
func (s *source) within() string { return cmp.Or(s.namespace, "default") }

// read reads the objects, and says from where.
func (s *source) read(ctx context.Context, stdio IO) (v *inventory.Inventory, from string, err error) {
	fromCluster := s.bed.Kubeconfig != "" || s.bed.Context != ""
	switch {
	case s.snapshot != "" && (len(s.files) > 0 || fromCluster):
		return nil, "", errors.New("--snapshot is all that is read: leave -f, --context and --kubeconfig out")
	case len(s.files) > 0 && fromCluster:
		return nil, "", errors.New("-f is for manifests, and --context and --kubeconfig for a cluster: give one of them")
	case len(s.podCIDRs) > 0 && len(s.files) == 0:
		return nil, "", errors.New("--pod-cidr is for manifests: give them by -f")
	case s.snapshot != "":
		v, err = readSnapshot(s.snapshot)
		return v, s.snapshot, err
	case len(s.files) > 0:
		v, err = s.manifests(stdio)
		return v, "manifests", err
	}
	return s.cluster(ctx, stdio)
}

func readSnapshot(path string) (*inventory.Inventory, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read snapshot: %w: make one by netassay snapshot -o FILE", err)
	}
	defer f.Close()
	v, _, err := snapshot.Read(path, f)
	return v, err
}

func (s *source) manifests(stdio IO) (*inventory.Inventory, error) {
	o, err := s.options(stdio)
	if err != nil {
		return nil, err
	}
	return manifests.Read(s.files, o)
}

// options are how manifests are read.
func (s *source) options(stdio IO) (manifests.Options, error) {
	o := manifests.Options{Namespace: s.namespace, Stdin: stdio.In}
	for _, text := range s.podCIDRs {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			return o, fmt.Errorf("--pod-cidr %q is no range of addresses: give one like 10.244.0.0/16", text)
		}
		o.PodCIDRs = append(o.PodCIDRs, p)
	}
	return o, nil
}

func (s *source) cluster(ctx context.Context, stdio IO) (*inventory.Inventory, string, error) {
	c, err := existing.Connect(existing.Options{Kubeconfig: s.bed.Kubeconfig, Context: s.bed.Context})
	if err != nil {
		return nil, "", fmt.Errorf("%w; or give manifests by -f", err)
	}
	told := func(kind string, n int) {
		if n%5000 == 0 && n > 0 {
			stdio.say(fmt.Sprintf("read %d %s", n, kind))
		}
	}
	stdio.say("reading " + c.Name())
	v, err := live.Read(ctx, c, told)
	return v, c.Name(), err
}

// tellRead says what was read, before anything is made of it.
func tellRead(w io.Writer, v *inventory.Inventory, from string) {
	ignored := 0
	for _, k := range v.Ignored {
		ignored += k.N
	}
	fmt.Fprintf(w, "read from %s: %d namespaces, %d pods, %d nodes, %d Services, %d NetworkPolicies", from, len(v.Namespaces), len(v.Pods), len(v.Nodes), len(v.Services), len(v.Policies))
	if ignored > 0 {
		fmt.Fprintf(w, "; left out, as no policy can see them: %d", ignored)
	}
	fmt.Fprintln(w)
}
