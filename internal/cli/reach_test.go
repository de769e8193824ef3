package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	authzv1 "k8s.io/api/authorization/v1"

	"github.com/netassay/netassay/reach/diff"
	"github.com/netassay/netassay/reach/explain"
	"github.com/netassay/netassay/reach/tell"
)

const exampleShop = "../../examples/reach"

func TestReach(t *testing.T) {
	dir := t.TempDir()
	whole, hidden, again := filepath.Join(dir, "whole"), filepath.Join(dir, "hidden"), filepath.Join(dir, "again")
	key := filepath.Join(dir, "key")
	if err := os.WriteFile(key, []byte(strings.Repeat("k", 32)), 0o600); err != nil {
		t.Fatal(err)
	}
	opened := filepath.Join(dir, "opened.yaml")
	if err := os.WriteFile(opened, []byte("apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: x, namespace: shop}\nspec: {podSelector: {matchLabels: {app: db}}, ingress: [{}]}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	more := filepath.Join(dir, "more")
	for _, tc := range []struct {
		args []string
		code int
		want string // in what is printed, wherever
	}{
		{[]string{"snapshot", "-f", exampleShop, "-o", whole}, exitPass, "6 pods in 3 classes, 4 policies"},
		{[]string{"snapshot", "-f", exampleShop, "--redact", "--redact-key-file", key, "-o", hidden}, exitPass, "wrote " + hidden},
		{[]string{"snapshot", "-f", exampleShop, "--redact", "-o", again}, exitPass, "wrote " + again},
		{[]string{"snapshot", "-f", exampleShop + "," + opened, "-o", more}, exitPass, "5 policies"},
		{[]string{"reach", "-f", exampleShop}, exitPass, "FROM            TO              MAY REACH"},
		{[]string{"reach", "--snapshot", whole, "--to", "shop/db"}, exitPass, "shop/cart       shop/db  nothing"},
		{[]string{"reach", "--snapshot", hidden, "-o", "dot"}, exitPass, "digraph reach"},
		{[]string{"explain", "-f", exampleShop, "-n", "shop", "cart", "db", "sql"}, exitPass, "did you mean app=cart?"},
		{[]string{"snapshot", "diff", whole, exampleShop}, exitPass, "0 changes gained flows, 0 lost some"},
		{[]string{"snapshot", "diff", whole, more}, exitFail, "shop/x"},
		{[]string{"snapshot", "diff", more, whole}, exitFail, "lost"},
		{[]string{"snapshot", "diff", whole, more, "-o", "html"}, exitFail, "<!doctype html>"},
		{[]string{"snapshot", "diff", hidden, again}, exitBroken, "have no pods in common: redacted snapshots need the same --redact-key-file"},
	} {
		code, out, errs := run(t, tc.args...)
		if code != tc.code || !strings.Contains(out+errs, tc.want) {
			t.Errorf("%s: exit code %d, want %d and %q:\n%s%s", strings.Join(tc.args, " "), code, tc.code, tc.want, out, errs)
		}
	}
	for _, tc := range []struct {
		args []string
		into any
	}{
		{[]string{"reach", "-f", exampleShop, "-o", "json"}, &tell.Report{}},
		{[]string{"explain", "-f", exampleShop, "shop/cart", "shop/db", "5432", "-o", "json"}, &explain.Explanation{}},
		{[]string{"snapshot", "diff", whole, more, "-o", "json"}, &diff.Report{}},
	} {
		_, out, _ := run(t, tc.args...)
		if err := json.Unmarshal([]byte(out), tc.into); err != nil || !strings.Contains(out, `"version": 1`) {
			t.Errorf("%s: %v", strings.Join(tc.args, " "), err)
		}
	}
}

func TestReachBadInput(t *testing.T) {
	dir := t.TempDir()
	junk := filepath.Join(dir, "junk.yaml")
	if err := os.WriteFile(junk, []byte("replicas: 3\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ args, want string }{
		{"reach -f /nonexistent", "/nonexistent: there is no such file or directory: give manifests, or - for standard input"},
		{"reach -f " + junk, junk + ":1: has no apiVersion and kind, so it is no Kubernetes object: leave the file out, or give what kustomize build or helm template prints"},
		{"reach -f " + exampleShop + " -o tabel", `unknown output format "tabel": did you mean table?`},
		{"reach -f " + exampleShop + " --to shop/wbe", `unknown pod or workload "shop/wbe": did you mean shop/db, shop/web?`},
		{"reach -f x --snapshot y", "--snapshot is all that is read: leave -f, --context and --kubeconfig out"},
		{"reach -f x --context y", "-f is for manifests, and --context and --kubeconfig for a cluster: give one of them"},
		{"reach --snapshot " + junk, junk + " is no snapshot: it is not gzip: give what netassay snapshot wrote, or manifests by -f"},
		{"reach --kubeconfig /nonexistent", "read kubeconfig: stat /nonexistent: no such file or directory: name one by --kubeconfig, and a context by --context; or give manifests by -f"},
		{"reach --snapshot x --pod-cidr 10.0.0.0/8", "--pod-cidr is for manifests: give them by -f"},
		{"reach -f " + exampleShop + " --pod-cidr ten", `--pod-cidr "ten" is no range of addresses: give one like 10.244.0.0/16`},
		{"snapshot -f " + exampleShop, "say where to write: -o FILE, or -o - for standard output"},
		{"snapshot -f x -o y --redact-key-file z", "--redact-key-file has no effect without --redact"},
		{"snapshot -f x -o y --redact --redact-key-file " + junk, "read --redact-key-file: " + junk + " has 12 bytes: give at least 16, as head -c 32 /dev/urandom makes"},
		{"snapshot diff x", "got 1 snapshots: give two, netassay snapshot diff BEFORE AFTER"},
		{"snapshot diff /nonexistent x", "/nonexistent: there is no such file: give what netassay snapshot wrote, or manifests"},
		{"snapshot diff x y -o page", `unknown output format "page": valid are text, html, json`},
		{"snapshot diff x y --engine calico", "--engine is for packets: give --live too"},
		{"snapshot diff x y --live -o html", "-o html is for what is judged on paper: the result directory of --live has a page and JSON"},
		{"explain -f " + exampleShop + " a b", "got 2 arguments: give three, netassay explain FROM TO PORT"},
		{"explain -f " + exampleShop + " shop/web shop/db 0", `port "0" is not like 8080 or 53/UDP, with a number from 1 to 65535`},
		{"explain -f " + exampleShop + " shop/web shop/db sqll", `unknown port of shop/db "sqll": did you mean sql?`},
		{"explain -f " + exampleShop + " shop/web shop/db 1/ICMP", `unknown protocol "ICMP": did you mean SCTP, TCP?`},
		{"explain -f " + exampleShop + " 0.0.0.0/0 203.0.113.0/24 1", "neither 0.0.0.0/0 nor 203.0.113.0/24 is a pod, so no policy is about them: name a pod for one"},
	} {
		code, _, errs := run(t, strings.Fields(tc.args)...)
		lines := strings.Split(strings.TrimSpace(errs), "\n")
		if last := lines[len(lines)-1]; code != exitBroken || !strings.HasPrefix(last, "netassay: "+tc.want) {
			t.Errorf("netassay %s: exit code %d\n got %s\nwant netassay: %s", tc.args, code, errs, tc.want)
		}
	}
}

// apiServer is one that grants all but some resources, and a kubeconfig for it.
func apiServer(t *testing.T, refuses ...string) (kubeconfig string) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || !strings.HasSuffix(r.URL.Path, "/selfsubjectaccessreviews") {
			http.NotFound(w, r)
			return
		}
		review := authzv1.SelfSubjectAccessReview{Status: authzv1.SubjectAccessReviewStatus{Allowed: true}}
		review.APIVersion, review.Kind = authzv1.SchemeGroupVersion.String(), "SelfSubjectAccessReview"
		for _, resource := range refuses { // whatever encoding it comes in, the name stands there
			review.Status.Allowed = review.Status.Allowed && !bytes.Contains(body, []byte(resource))
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(review)
	}))
	t.Cleanup(server.Close)
	return kubeconfigOf(t, server.URL)
}

func kubeconfigOf(t *testing.T, url string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kubeconfig")
	text := fmt.Sprintf("apiVersion: v1\nkind: Config\nclusters: [{name: c, cluster: {server: %q}}]\ncontexts: [{name: c, context: {cluster: c}}]\ncurrent-context: c\n", url)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestSnapshotOfAClusterThatRefuses(t *testing.T) {
	code, _, errs := run(t, "snapshot", "-o", "-", "--kubeconfig", apiServer(t, "networkpolicies"))
	if want := `netassay: no permission to list networkpolicies.networking.k8s.io: grant {apiGroups: ["networking.k8s.io"], resources: [networkpolicies], verbs: [list]}, as examples/existing/read.yaml does`; code != exitBroken || !strings.Contains(errs, want) {
		t.Errorf("exit code %d, want %s:\n%s", code, want, errs)
	}
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	code, _, errs = run(t, "snapshot", "-o", "-", "--kubeconfig", kubeconfigOf(t, gone.URL))
	last := strings.Split(strings.TrimSpace(errs), "\n")
	if want := "read cluster c: "; code != exitBroken || len(last) != 2 || !strings.Contains(last[1], want) || !strings.Contains(last[1], "is the cluster up, and --context the right one?") {
		t.Errorf("exit code %d, want %s:\n%s", code, want, errs)
	}
}
