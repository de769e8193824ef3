package cli

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/netassay/netassay/reach/snapshot"
	"github.com/netassay/netassay/reach/tell"
)

// snapshotFlags are what netassay snapshot can be told.
type snapshotFlags struct {
	source
	out     string
	redact  bool
	keyFile string
}

func newSnapshot(stdio IO) *cobra.Command {
	var f snapshotFlags
	c := &cobra.Command{
		Use:   "snapshot",
		Short: "Keep what policies can see of a cluster, or of manifests, in a small file",
		Long: `Reads namespaces, pods, nodes, Services and NetworkPolicies of a cluster, in pages and without
changing anything, or of manifests, and writes what policies can see of them into one file. Pods
that no policy can tell apart are kept as one, with their number. Secrets, environment and commands
are not read.

The file is what netassay reach, explain and snapshot diff take by --snapshot. With --redact names
and the values of labels become words that say nothing, equal ones the same word: the file can be
attached to an issue, and every verdict in it is the original's. Addresses stay.`,
		Example: `  netassay snapshot -o before.snapshot                      # kubectl's current context
  netassay snapshot --context prod --redact -o prod.snapshot
  helm template ./chart | netassay snapshot -f - -o chart.snapshot
  kustomize build overlays/prod | netassay snapshot -f - -o prod.snapshot
  netassay reach --snapshot before.snapshot`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error { return runSnapshot(c.Context(), stdio, f) },
	}
	c.AddCommand(newSnapshotDiff(stdio))
	f.register(c.Flags(), false)
	c.Flags().StringVarP(&f.out, "output", "o", "", "file to write, - for standard output")
	c.Flags().BoolVar(&f.redact, "redact", false, "replace names and the values of labels by words that say nothing")
	c.Flags().StringVar(&f.keyFile, "redact-key-file", "", "file with a secret to make these words from, so that two snapshots can be compared (default a new one)")
	return c
}

func runSnapshot(ctx context.Context, stdio IO, f snapshotFlags) error {
	if f.out == "" {
		return errors.New("say where to write: -o FILE, or -o - for standard output")
	}
	if f.keyFile != "" && !f.redact {
		return errors.New("--redact-key-file has no effect without --redact")
	}
	key, err := redactKey(f)
	if err != nil {
		return err
	}
	v, from, err := f.read(ctx, stdio)
	if err != nil {
		return err
	}
	tellRead(stdio.Err, v, from)
	for _, n := range tell.Notes(v) {
		stdio.say("note: " + n)
	}
	classes := len(v.Classes(nil))
	h := snapshot.Header{Tool: toolVersion(), Source: from}
	if f.redact {
		v, h.Source, h.Redacted = snapshot.Redact(v, key), "", true
	}
	if f.out == "-" {
		return snapshot.Write(stdio.Out, v, h)
	}
	var b bytes.Buffer
	if err := snapshot.Write(&b, v, h); err != nil {
		return err
	}
	if err := os.WriteFile(f.out, b.Bytes(), 0o600); err != nil {
		return fmt.Errorf("write snapshot: %w", err)
	}
	stdio.say(fmt.Sprintf("wrote %s: %d pods in %d classes, %d policies, %d bytes", f.out, len(v.Pods), classes, len(v.Policies), b.Len()))
	return nil
}

// redactKey is the secret that words are made from, nil when there are none.
func redactKey(f snapshotFlags) ([]byte, error) {
	if f.keyFile != "" {
		key, err := os.ReadFile(f.keyFile)
		if err == nil && len(key) < 16 {
			err = fmt.Errorf("%s has %d bytes: give at least 16, as head -c 32 /dev/urandom makes", f.keyFile, len(key))
		}
		if err != nil {
			return nil, fmt.Errorf("read --redact-key-file: %w", err)
		}
		return key, nil
	}
	key := make([]byte, 32)
	if _, err := rand.Read(key); err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	return key, nil
}
