package cli

import (
	"github.com/spf13/cobra"
)

// newScale groups what has to do with size and speed.
func newScale(stdio IO) *cobra.Command {
	c := &cobra.Command{
		Use:   "scale",
		Short: "Size and speed: compare results of scale runs",
		Args:  knownCommand,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newScaleCompare(stdio))
	return c
}
