package strictyaml

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

type thing struct {
	Name   string            `json:"name"`
	N      int               `json:"n"`
	Labels map[string]string `json:"labels"`
	Things []thing           `json:"things"`
}

func TestSplit(t *testing.T) {
	docs, err := Split("f", []byte("# only a comment\n---\nname: a\n---\n\n---\nname: b\n"))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, d := range docs {
		got = append(got, d.Name+" "+d.Text("name"))
	}
	if diff := cmp.Diff([]string{"document 1 a", "document 3 b"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	docs, err = Split("f", []byte("---\nname: a\n"))
	if err != nil || len(docs) != 1 || docs[0].Name != "" {
		t.Errorf("one document: %v, %v", docs, err)
	}
}

func TestDecode(t *testing.T) {
	for _, tc := range []struct {
		name, text, want string // in the error; "" is none
		partial          bool
	}{
		{name: "all", text: "name: a\nn: 1\nlabels: {80: b}\nthings: [{name: c}]\n"},
		{name: "aliases", text: "things:\n- &a {name: a}\n- *a\n- <<: *a\n  n: 2\n"},
		{name: "unknown", text: "nam: a\n", want: `f:1: unknown field "nam"; did you mean name`},
		{name: "unknown, merged", text: "things: [&a {nam: a}, {<<: *a}]\n", want: `unknown field "nam"`},
		{name: "unknown, of no interest", text: "nam: a\nn: 1\n", partial: true},
		{name: "wrong, of interest", text: "nam: a\nn: one\n", partial: true, want: `f:2: want a number, have "one"`},
		{name: "twice", text: "name: a\nname: b\n", want: `f:2: field "name" is given twice; remove one`},
		{name: "boolean of YAML 1.1", text: "name: off\n", want: "f:1: off is not a string in YAML; put it in quotes"},
		{name: "list", text: "things: {}\n", want: "f:1: want a list, have fields"},
		{name: "endless", text: "labels: &a {b: *a}\n", want: "f:1: want a single value, have fields"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			docs, err := Split("f", []byte(tc.text))
			if err != nil {
				t.Fatal(err)
			}
			docs[0].Partial = tc.partial
			err = docs[0].Decode(&thing{})
			if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}

func TestPath(t *testing.T) {
	if got := Path("spec", "ingress", 0, "from", 1); got != "spec.ingress[0].from[1]" {
		t.Errorf("got %s", got)
	}
}
