package snapshot

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/model/gen"
	"github.com/netassay/netassay/reach/inventory"
	"github.com/netassay/netassay/suites/oracle"
)

// seeds is how many drawn clusters the properties are held against.
const seeds = 300

func written(t *testing.T, v *inventory.Inventory, h Header) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, v, h); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// A snapshot that is read again, and a redacted one, are equal to every policy.
func TestVerdictsStay(t *testing.T) {
	judged := 0
	for seed := range uint64(seeds) {
		s := gen.New(seed, 60)
		v := &inventory.Inventory{Snapshot: s.Snapshot}
		again, h, err := Read("f", bytes.NewReader(written(t, v, Header{Source: "drawn"})))
		if err != nil || h.Source != "drawn" {
			t.Fatalf("seed %d: %v, %+v", seed, err, h)
		}
		hidden := Redact(v, []byte{byte(seed)})
		for _, f := range s.Flows {
			want := oracle.Evaluate(s.Snapshot, f).Verdict
			for name, other := range map[string]*inventory.Inventory{"read again": again, "redacted": hidden} {
				judged++
				if got := oracle.Evaluate(other.Snapshot, f).Verdict; got != want {
					t.Errorf("seed %d, %s: %s is %s, and was %s", seed, name, f, got, want)
				}
			}
		}
	}
	t.Logf("%d verdicts of %d clusters", judged, seeds)
}

func TestRedactedHasNoWord(t *testing.T) {
	v := &inventory.Inventory{Snapshot: gen.New(5, 0).Snapshot}
	v.Namespaces = append(v.Namespaces, model.Namespace{Name: "kube-system"})
	for i := range v.Pods {
		v.Pods[i].Name, v.Pods[i].Labels = fmt.Sprintf("secretname%d", i), map[string]string{"app": "secretvalue"}
	}
	z, err := gzip.NewReader(bytes.NewReader(written(t, Redact(v, []byte("key")), Header{Redacted: true})))
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	if _, err := text.ReadFrom(z); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(text.String(), "secret") || !strings.Contains(text.String(), `"kube-system"`) || !strings.Contains(text.String(), `"app"`) {
		t.Errorf("redacted:\n%s", &text)
	}
	if a, b := Redact(v, []byte("key")), Redact(v, []byte("other")); a.Pods[0].Name == b.Pods[0].Name {
		t.Error("two keys give the same words")
	}
}

func TestClassesAreSmall(t *testing.T) {
	v := &inventory.Inventory{Snapshot: model.Snapshot{Nodes: []model.Node{{Name: "n"}}, Namespaces: []model.Namespace{{Name: "x"}}}}
	for i := range 200 {
		v.Pods = append(v.Pods, model.Pod{Namespace: "x", Name: fmt.Sprintf("web-%03d", i), Node: "n", Labels: map[string]string{
			"app": "web", "pod-template-hash": fmt.Sprint(i % 2), "statefulset.kubernetes.io/pod-name": fmt.Sprint(i),
		}})
	}
	data := written(t, v, Header{})
	if !bytes.Equal(data, written(t, v, Header{})) {
		t.Error("the same inventory gives other bytes")
	}
	again, _, err := Read("f", bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	if got := again.Classes(nil); len(again.Pods) != 200 || len(got) != 1 {
		t.Errorf("%d pods in %d classes", len(again.Pods), len(got))
	}
	var names []string
	for _, p := range again.Pods[:4] {
		names = append(names, p.Name)
	}
	if diff := cmp.Diff([]string{"web-000", "web-000~10", "web-000~100", "web-000~101"}, names); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestBadFiles(t *testing.T) {
	pack := func(value any) []byte {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		if err := json.NewEncoder(z).Encode(value); err != nil {
			t.Fatal(err)
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	good := written(t, &inventory.Inventory{Snapshot: gen.New(1, 0).Snapshot}, Header{})
	for _, tc := range []struct {
		name string
		data []byte
		want string
	}{
		{"empty", nil, "f is no snapshot: it is not gzip"},
		{"YAML", []byte("kind: Pod"), "f is no snapshot: it is not gzip: give what netassay snapshot wrote, or manifests by -f"},
		{"cut", good[:len(good)/2], "f is damaged: unexpected EOF: take the snapshot again"},
		{"something else", pack(map[string]string{"kind": "List"}), `f is no snapshot: kind is "List" and not netassay-snapshot`},
		{"newer", pack(map[string]any{"kind": Kind, "version": Version + 1, "classes": "another form"}), fmt.Sprintf("f is a snapshot of version %d, and this netassay reads versions up to %d: use a newer netassay", Version+1, Version)},
		{"wrong form", pack(map[string]any{"kind": Kind, "version": 1, "classes": "another form"}), "f is damaged: json: cannot unmarshal string"},
		{"miscounted", pack(file{Header: Header{Kind: Kind, Version: 1}, Classes: []class{{Namespace: "x", Count: 2}}}), "f is damaged: a class of namespace x has 2 pods, 0 nodes, 0 addresses and 0 names"},
		{"no such node", pack(file{Header: Header{Kind: Kind, Version: 1}, Classes: []class{{Namespace: "x", Count: 1, Examples: []string{"a"}, Nodes: []int{3}, IPs: []string{""}}}}), "f is damaged: pod x/a is on node 3 of 0"},
		{"no address", pack(file{Header: Header{Kind: Kind, Version: 1}, Classes: []class{{Namespace: "x", Count: 1, Examples: []string{"a"}, Nodes: []int{-1}, IPs: []string{"ten"}}}}), "f is damaged: pod x/a: "},
		{"huge", pack(file{Header: Header{Kind: Kind, Version: 1}, Classes: []class{{Namespace: "x", Count: mostPods + 1}}}), "f is damaged: it has more than 1000000 pods"},
		{"twice", pack(file{Header: Header{Kind: Kind, Version: 1}, Namespaces: []namespace{{Name: "x"}, {Name: "x"}}}), "f is damaged: the snapshot: Namespace x is given a second time"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, _, err := Read("f", bytes.NewReader(tc.data))
			if err == nil || !strings.HasPrefix(err.Error(), tc.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got  %v\nwant one line that begins with %s", err, tc.want)
			}
		})
	}
}

func FuzzRead(f *testing.F) {
	var b bytes.Buffer
	if err := Write(&b, &inventory.Inventory{Snapshot: gen.New(1, 0).Snapshot}, Header{}); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Fuzz(func(t *testing.T, data []byte) {
		v, _, err := Read("f", bytes.NewReader(data))
		if (v == nil) == (err == nil) {
			t.Errorf("inventory %v, error %v", v, err)
		}
	})
}
