package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/netassay/netassay/enforcer/deploy"
)

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
