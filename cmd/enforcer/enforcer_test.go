package main

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestBadInput: one line, which names what is wrong and what would be right.
func TestBadInput(t *testing.T) {
	dir := t.TempDir()
	broken := filepath.Join(dir, "broken")
	if err := os.WriteFile(broken, []byte("{{"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		args []string
		want []string
	}{
		{[]string{"--iptables-backend=nf"}, []string{"--iptables-backend", `"nf"`, "nft"}},
		{[]string{"--existing=kep"}, []string{"--existing", "keep"}},
		{[]string{"--log-level=loud"}, []string{"--log-level", "debug"}},
		{[]string{"--sync-min-interval=-1s"}, []string{"--sync-min-interval", "negative"}},
		{[]string{"--sync-min-interval=soon"}, []string{"--sync-min-interval", "soon"}},
		{[]string{"--kubeconfig=" + filepath.Join(dir, "none")}, []string{"--kubeconfig", "none"}},
		{[]string{"--kubeconfig=" + broken}, []string{"--kubeconfig", "broken"}},
		{[]string{}, []string{"--kubeconfig"}},
		{[]string{"--frobnicate"}, []string{"frobnicate"}},
		{[]string{"clean"}, []string{"clean"}},
	} {
		t.Run(strings.Join(tc.args, " "), func(t *testing.T) {
			t.Setenv("KUBERNETES_SERVICE_HOST", "")
			cmd := newRoot()
			cmd.SetArgs(tc.args)
			var out bytes.Buffer
			cmd.SetOut(&out)
			cmd.SetErr(&out)
			err := cmd.ExecuteContext(context.Background())
			if err == nil {
				t.Fatal("accepted")
			}
			for _, want := range tc.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q does not name %q", err, want)
				}
			}
			if strings.Contains(err.Error(), "\n") || out.Len() > 0 {
				t.Errorf("more than one line: %q and %q", err, out.String())
			}
		})
	}
}

func TestMissingTools(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	cmd := newRoot()
	cmd.SetArgs([]string{"--iptables-backend=legacy"})
	err := cmd.ExecuteContext(context.Background())
	if err == nil || !strings.Contains(err.Error(), "iptables-legacy-restore") || !strings.Contains(err.Error(), "install") {
		t.Errorf("got %v, want the missing tools and the cure", err)
	}
}

func TestSparseLog(t *testing.T) {
	var out bytes.Buffer
	log := slog.New(newSparse(slog.NewTextHandler(&out, nil), time.Hour)).With("source", "client-go")
	for i := range 5 {
		for _, r := range []string{"pods", "nodes"} {
			log.Error("failed to watch", "reflector", r, "err", fmt.Sprint("attempt ", i))
		}
	}
	if n := strings.Count(out.String(), "\n"); n != 2 {
		t.Errorf("%d lines, want one per reflector:\n%s", n, &out)
	}
}
