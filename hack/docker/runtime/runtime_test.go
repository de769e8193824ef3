package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The command lines are those of containerd's shim, and the other spellings of runc.
func TestDescription(t *testing.T) {
	for _, tc := range []struct{ args, want string }{
		{"--root /r --log /l --log-format json create --bundle /b --pid-file /p id", "/b/config.json"},
		{"--root /r create --bundle=/b id", "/b/config.json"},
		{"run -b /b id", "/b/config.json"},
		{"--root /r exec --process /tmp/p.json --detach --pid-file /x id", "/tmp/p.json"},
		{"exec -p /tmp/p.json id", "/tmp/p.json"},
		{"exec --process=/tmp/p.json id", "/tmp/p.json"},
		{"exec -p=/tmp/p.json id", "/tmp/p.json"},
		{"--root /r start id", ""},
		{"kill --all id 9", ""},
		{"exec --pid-file /x id sh", ""},
		{"exec --process", ""},
		{"", ""},
	} {
		t.Run(tc.args, func(t *testing.T) {
			if got := description(strings.Fields(tc.args)); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

func TestMend(t *testing.T) {
	for _, tc := range []struct{ name, in, want string }{
		{
			name: "bundle",
			in: `{"ociVersion":"1.1","process":{"capabilities":{"bounding":["CAP_CHOWN","CAP_SYS_RESOURCE"],"permitted":["CAP_SYS_RESOURCE"],
				"ambient":null},"oomScoreAdj":-999,"rlimits":[{"hard":18446744073709551615}]},"unknown":{"kept":true}}`,
			want: `{"ociVersion":"1.1","process":{"capabilities":{"bounding":["CAP_CHOWN"],"permitted":[],"ambient":null},
				"rlimits":[{"hard":18446744073709551615}]},"unknown":{"kept":true}}`,
		},
		{
			name: "process",
			in:   `{"args":["sh"],"capabilities":{"effective":["CAP_SYS_RESOURCE","CAP_KILL"]},"oomScoreAdj":-1}`,
			want: `{"args":["sh"],"capabilities":{"effective":["CAP_KILL"]}}`,
		},
		{name: "score that may be", in: `{"process":{"oomScoreAdj":500}}`, want: `{"process":{"oomScoreAdj":500}}`},
		{name: "nothing to mend", in: `{"process":{"args":["sh"]}}`, want: `{"process":{"args":["sh"]}}`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := mend([]byte(tc.in))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(decode(t, tc.want), decode(t, string(got))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// decode keeps numbers as they are written.
func decode(t *testing.T, text string) any {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return v
}

func TestMendFileKeepsItsMode(t *testing.T) {
	file := filepath.Join(t.TempDir(), "config.json")
	if err := os.WriteFile(file, []byte(`{"process":{"oomScoreAdj":-5}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := mendFile(file); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil || string(text) != `{"process":{}}` {
		t.Errorf("became %s (%v)", text, err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v (%v), want 0600", info.Mode(), err)
	}
}

// A description that can't be read stops the container rather than start it unmended.
func TestMendFileSaysWhatIsWrong(t *testing.T) {
	file := filepath.Join(t.TempDir(), "config.json")
	if err := os.WriteFile(file, []byte(`{"process":`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{file, filepath.Join(t.TempDir(), "none")} {
		if err := mendFile(name); err == nil || !strings.Contains(err.Error(), filepath.Dir(name)) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
