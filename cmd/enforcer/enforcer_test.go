package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/netassay/netassay/enforcer/agent"
	"github.com/netassay/netassay/enforcer/explain"
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
		{[]string{"explain"}, []string{"--flow", "CLIENT_IP,SERVER_IP,PROTOCOL,PORT"}},
		{[]string{"explain", "--flow=10.0.0.1,10.0.0.2"}, []string{"--flow", "2 parts"}},
		{[]string{"explain", "--flow=10.0.0.1,10.0.0.2,TCP,80", "-o=yaml"}, []string{"--output", `"yaml"`, "json"}},
		{[]string{"explain", "--flow=10.0.0.1,10.0.0.2,TCP,80", "--address=127.255.255.254:1"}, []string{"no enforcer serves", "--address"}},
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

func TestExplain(t *testing.T) {
	answer := explain.Answer{Node: "n", Verdict: explain.Dropped, Egress: explain.Direction{Reason: "dropped: because"}}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if got := r.URL.Query().Get("flow"); r.URL.Path != agent.ExplainPath || got != "fd00::1,fd00::2,SCTP,80" {
			http.Error(w, "asked "+r.URL.String(), http.StatusBadRequest)
			return
		}
		_ = json.NewEncoder(w).Encode(answer)
	}))
	defer s.Close()
	run := func(args ...string) (string, error) {
		cmd := newRoot()
		cmd.SetArgs(append([]string{"explain", "--address", s.Listener.Addr().String()}, args...))
		var out bytes.Buffer
		cmd.SetOut(&out)
		err := cmd.ExecuteContext(context.Background())
		return out.String(), err
	}
	if out, err := run("--flow", "fd00::1,fd00::2,SCTP,80"); err != nil || out != answer.String() {
		t.Errorf("text: %q (%v)", out, err)
	}
	var got explain.Answer
	out, err := run("--flow", "fd00::1,fd00::2,SCTP,80", "-o", "json")
	if err == nil {
		err = json.Unmarshal([]byte(out), &got)
	}
	if err != nil || got.Egress.Reason != answer.Egress.Reason {
		t.Errorf("JSON: %s (%v)", out, err)
	}
	if _, err := run("--flow", "fd00::1,fd00::2,TCP,80"); err == nil || !strings.Contains(err.Error(), "asked ") || strings.Contains(err.Error(), "\n") {
		t.Errorf("an error of the agent: %v", err)
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
