package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/netassay/netassay/enforcer/deploy"
	"github.com/netassay/netassay/enforcer/kernel"
)

func newCleanup(f *flags) *cobra.Command {
	return &cobra.Command{
		Use:   "cleanup",
		Short: "Remove all rules and sets of the enforcer from this node",
		Long:  "Remove all rules and sets of the enforcer from this node, of the given iptables\nbackend or of every one that is installed. Policies are not enforced afterwards.",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			backends, err := f.cleanupBackends()
			if err != nil {
				return err
			}
			if err := kernel.Cleanup(cmd.Context(), kernel.Exec{}, backends...); err != nil {
				return &runtimeError{err}
			}
			fmt.Fprintln(cmd.OutOrStdout(), "enforcer: all rules and sets removed from this node")
			return nil
		},
	}
}

// cleanupBackends are those to clean: a previous agent may have used the other one.
func (f *flags) cleanupBackends() ([]kernel.Backend, error) {
	b, err := f.iptables()
	if err != nil || b != kernel.Auto {
		return []kernel.Backend{b}, err
	}
	backends := []kernel.Backend{kernel.Auto}
	for _, b := range []kernel.Backend{kernel.NFT, kernel.Legacy} {
		if kernel.LookTools(b) == nil && (b != kernel.Legacy || kernel.LegacyInUse()) {
			backends = append(backends, b)
		}
	}
	return backends, nil
}

func newManifests() *cobra.Command {
	image := deploy.Image
	cmd := &cobra.Command{
		Use:     "manifests",
		Short:   "Print the manifests that run the enforcer on every node",
		Example: "  enforcer manifests --image registry.example/enforcer:v1 | kubectl apply -f -",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			text, err := deploy.Manifests(image)
			if err != nil {
				return err
			}
			_, err = fmt.Fprint(cmd.OutOrStdout(), text)
			return err
		},
	}
	cmd.Flags().StringVar(&image, "image", image, "image that the nodes pull")
	return cmd
}
