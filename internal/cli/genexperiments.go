package cli

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/netassay/netassay/clusters"
	scalerun "github.com/netassay/netassay/scale/run"
	"github.com/netassay/netassay/suites/conformance"
	"github.com/netassay/netassay/suites/runner"
	"github.com/netassay/netassay/suites/verify"
	"github.com/netassay/netassay/testbed"
)

// podExperiments are those that manifests are made for.
func podExperiments() []podExperiment {
	return []podExperiment{
		{name: "conformance", register: podConformance},
		{name: "scale", register: podScale, hidden: ownClusterOnly()},
		{name: "verify", register: podVerify},
	}
}

func podConformance(c *cobra.Command) podFlags {
	f := &conformanceFlags{bed: podBed(), settings: conformance.Defaults()}
	f.register(c)
	return podFlags{&f.bed, func() error {
		if err := errors.Join(f.bed.check(), f.settings.Check("--"+conformance.Parallel)); err != nil {
			return err
		}
		all, err := loadCases(nil)
		if err == nil {
			_, _, err = f.choose(all)
		}
		return err
	}, func() []clusters.Permission { return runner.Permissions(false) }}
}

// podScale leaves the kubelet alone unless it is told otherwise: the right is a great one.
func podScale(c *cobra.Command) podFlags {
	f := newScaleFlags(testbed.Existing)
	f.bed.Provider = testbed.Existing
	f.registerSubject(c.Flags(), nil)
	f.registerLoad(c.Flags())
	f.registerChanges(c.Flags())
	f.registerLimits(c.Flags())
	f.registerGuest(c.Flags())
	return podFlags{&f.bed, func() error { return f.complete(c) }, func() []clusters.Permission {
		rights := scalerun.Permissions(false)
		if f.agentCost {
			rights = append(rights, scalerun.CostPermissions()...)
		}
		return rights
	}}
}

func podVerify(c *cobra.Command) podFlags {
	f := &verifyFlags{bed: podBed("restricted", "pull-secret"), opts: verifyDefaults()}
	f.register(c)
	return podFlags{&f.bed, f.bed.check, verify.Permissions}
}

// podBed is the cluster that a pod is in.
func podBed(without ...string) bed {
	b := newBed([]string{testbed.Existing}, without...)
	b.Provider = testbed.Existing
	return b
}
