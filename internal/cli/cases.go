package cli

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/netassay/netassay/internal/suggest"
	"github.com/netassay/netassay/reports/render"
	"github.com/netassay/netassay/suites/cases"
)

func newCases(stdio IO) *cobra.Command {
	c := &cobra.Command{
		Use:   "cases",
		Short: "List the conformance cases, show one, list the features",
		Example: `  netassay cases list
  netassay cases list -o name
  netassay cases show endport-ingress
  netassay cases features`,
		Args: knownCommand,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newCasesList(stdio), newCasesShow(stdio), newCasesFeatures(stdio))
	return c
}

func newCasesList(stdio IO) *cobra.Command {
	output := "table"
	c := &cobra.Command{
		Use:   "list",
		Short: "List the cases with their features",
		Args:  noArgs,
		RunE: func(*cobra.Command, []string) error {
			all, err := cases.Load()
			if err != nil {
				return err
			}
			return printCases(stdio.Out, output, all)
		},
	}
	c.Flags().StringVarP(&output, "output", "o", output, "table, name or json")
	return c
}

// loadCases reads the cases of files and directories; without any, those of this program.
func loadCases(paths []string) ([]cases.Case, error) {
	if len(paths) == 0 {
		return cases.Load()
	}
	var all []cases.Case
	for _, path := range paths {
		dir, name := filepath.Split(path)
		if info, err := os.Stat(path); err != nil {
			return nil, fmt.Errorf("read cases: %w", err)
		} else if info.IsDir() {
			dir, name = path, "*.txtar"
		}
		some, err := cases.LoadFS(os.DirFS(cmp.Or(dir, ".")), name)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	return all, nil
}

func printCases(w io.Writer, output string, all []cases.Case) error {
	switch output {
	case "table":
		tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		fmt.Fprintln(tw, "NAME\tSTEPS\tFEATURES\tTITLE")
		for _, c := range all {
			fmt.Fprintf(tw, "%s\t%d\t%s\t%s\n", c.Name, len(c.Steps), strings.Join(c.FeatureNames(), ","), c.Title)
		}
		return tw.Flush()
	case "name":
		for _, c := range all {
			fmt.Fprintln(w, c.Name)
		}
		return nil
	case "json":
		return render.JSON(w, all)
	default:
		return suggest.Unknown("output format", output, []string{"table", "name", "json"})
	}
}

func newCasesShow(stdio IO) *cobra.Command {
	return &cobra.Command{
		Use:   "show NAME",
		Short: "Print the file of a case",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) != 1 {
				return fmt.Errorf("%s wants the name of a case: %s", c.CommandPath(), c.UseLine())
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			text, err := cases.Source(args[0])
			if err != nil {
				return err
			}
			_, err = stdio.Out.Write(text)
			return err
		},
	}
}

func newCasesFeatures(stdio IO) *cobra.Command {
	return &cobra.Command{
		Use:   "features",
		Short: "List the features that cases can be selected by",
		Args:  noArgs,
		RunE: func(*cobra.Command, []string) error {
			tw := tabwriter.NewWriter(stdio.Out, 0, 0, 2, ' ', 0)
			fmt.Fprintln(tw, "FEATURE\tMEANING")
			for _, f := range cases.Features() {
				fmt.Fprintf(tw, "%s\t%s\n", f.Feature, f.Description)
			}
			return tw.Flush()
		},
	}
}
