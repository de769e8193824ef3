package cli

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/netassay/netassay/clusters"
	"github.com/netassay/netassay/suites/conformance"
	"github.com/netassay/netassay/suites/runner"
	"github.com/netassay/netassay/suites/verify"
	"github.com/netassay/netassay/testbed"
)

// podExperiments are those that manifests are made for.
func podExperiments() []podExperiment {
	return []podExperiment{
		{name: "conformance", register: podConformance, rights: func() []clusters.Permission { return runner.Permissions(false) }},
		{name: "verify", register: podVerify, rights: verify.Permissions},
	}
}

func podConformance(c *cobra.Command) (*bed, func() error) {
	f := &conformanceFlags{bed: podBed(), settings: conformance.Defaults()}
	f.register(c)
	return &f.bed, func() error {
		if err := errors.Join(f.bed.check(), f.settings.Check("--"+conformance.Parallel)); err != nil {
			return err
		}
		all, err := loadCases(nil)
		if err == nil {
			_, _, err = f.choose(all)
		}
		return err
	}
}

func podVerify(c *cobra.Command) (*bed, func() error) {
	f := &verifyFlags{bed: podBed("restricted", "pull-secret"), opts: verifyDefaults()}
	f.register(c)
	return &f.bed, f.bed.check
}

// podBed is the cluster that a pod is in.
func podBed(without ...string) bed {
	b := newBed([]string{testbed.Existing}, without...)
	b.Provider = testbed.Existing
	return b
}
