package schema

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	v1 "github.com/netassay/netassay/reports/v1"
)

// fill sets every field to something, nil now and then.
func fill(r *rand.Rand, v reflect.Value) {
	switch v.Interface().(type) {
	case time.Time:
		v.Set(reflect.ValueOf(time.Unix(r.Int64N(1<<31), 0).UTC()))
		return
	case v1.Outcome:
		v.SetString(string(pick(r, v1.Pass, v1.Fail, v1.Inconclusive, v1.Skipped, v1.NotSupported, v1.Error, v1.Unfinished)))
		return
	case v1.FailureKind:
		v.SetString(string(pick(r, v1.Leak, v1.Outage)))
		return
	case v1.Verdict:
		v.SetString(string(pick(r, v1.VerdictPass, v1.VerdictFail, v1.VerdictVoid)))
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(r, v.Field(i))
		}
	case reflect.Pointer:
		if r.IntN(3) > 0 {
			v.Set(reflect.New(v.Type().Elem()))
			fill(r, v.Elem())
		}
	case reflect.Slice:
		if n := r.IntN(4); n > 0 {
			v.Set(reflect.MakeSlice(v.Type(), n-1, n))
			for i := range n - 1 {
				fill(r, v.Index(i))
			}
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		element := reflect.New(v.Type().Elem()).Elem()
		fill(r, element)
		v.SetMapIndex(reflect.ValueOf("x"), element)
	case reflect.String:
		v.SetString(fmt.Sprintf("s%d <\"\n", r.IntN(9)))
	case reflect.Bool:
		v.SetBool(r.IntN(2) == 0)
	case reflect.Float64:
		v.SetFloat(1000 * (r.Float64() - 0.5))
	case reflect.Int, reflect.Int64:
		v.SetInt(r.Int64N(1<<40) - 1<<39)
	case reflect.Uint16:
		v.SetUint(r.Uint64N(1 << 16))
	case reflect.Uint64:
		v.SetUint(r.Uint64N(1 << 40))
	default:
		panic("no value for " + v.Kind().String())
	}
}

func pick[T any](r *rand.Rand, all ...T) T { return all[r.IntN(len(all))] }

// Whatever the types can hold fits their schemas, and a field that nobody knows does not.
func TestWhatIsWrittenFits(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	for range 200 {
		for _, record := range v1.Blanks() {
			fill(r, reflect.ValueOf(record).Elem())
			text, err := json.Marshal(record)
			if err != nil {
				t.Fatal(err)
			}
			kind := v1.KindOf(record)
			if err := Record(kind, text); err != nil {
				t.Fatalf("seed %d: %s: %v\n%s", seed, kind, err, text)
			}
			if Record(kind, []byte(strings.Replace(string(text), "{", `{"none":1,`, 1))) == nil {
				t.Fatalf("%s: a field that nobody knows fits", kind)
			}
		}
		for name, d := range documents {
			v := reflect.New(d.of)
			fill(r, v.Elem())
			text, err := json.Marshal(v.Interface())
			if err != nil {
				t.Fatal(err)
			}
			if err := Document(name, text); err != nil {
				t.Fatalf("seed %d: %s: %v\n%s", seed, name, err, text)
			}
		}
	}
}

// A line with its envelope fits one kind, and only its own.
func TestEnvelopes(t *testing.T) {
	for _, r := range v1.Blanks() {
		fill(rand.New(rand.NewPCG(1, 2)), reflect.ValueOf(r).Elem())
		text, err := v1.EncodeRecord(r)
		if err != nil {
			t.Fatal(err)
		}
		if err := Document(Records, text); err != nil {
			t.Errorf("%s: %v", v1.KindOf(r), err)
		}
		if Document(Records, []byte(strings.Replace(string(text), `"v":1`, `"v":2`, 1))) == nil {
			t.Errorf("%s: another version fits", v1.KindOf(r))
		}
	}
	for _, line := range []string{
		`{"v":1,"kind":"other","data":{}}`, `{"v":1,"kind":"note"}`, `{"v":1,"kind":"note","data":{"text":1}}`,
		`{"v":1,"kind":"verdict","data":{"verdict":"good"}}`,
	} {
		if Document(Records, []byte(line)) == nil {
			t.Errorf("%s fits", line)
		}
	}
}

// A misfit is told in one line with its place.
func TestMisfits(t *testing.T) {
	for _, tc := range []struct {
		err  error
		want string
	}{
		{Record(v1.KindVerdict, []byte(`{"verdict":"good"}`)), "/verdict: value must be one of 'pass', 'fail', 'void': "},
		{Record(v1.KindNote, []byte(`{}`)), "the whole: missing property 'text': "},
		{Record(v1.KindNote, []byte(`{"text":"a","more":1}`)), "the whole: additional properties 'more' not allowed: "},
		{Record("rumour", []byte(`{}`)), "compile schema records.schema.json#/$defs/rumour: "},
		{Document(SummaryCheck, []byte(`{`)), "unexpected EOF"},
	} {
		if tc.err == nil || !strings.HasPrefix(tc.err.Error(), tc.want) || strings.Contains(tc.err.Error(), "\n") {
			t.Errorf("got  %v\nwant %s…", tc.err, tc.want)
		}
	}
}

// Summaries of earlier versions fit the schemas of today.
func TestEarlierSummariesFit(t *testing.T) {
	for name, file := range map[Name]string{
		SummaryConformance: "conformance-057bd36/summary.json", SummaryScale: "scale-057bd36/summary.json",
		RunScale: "scale-057bd36/run.json", RunConformance: "conformance-3e81ff0/run.json",
	} {
		text, err := os.ReadFile(filepath.Join("..", "testdata", file))
		if err != nil {
			t.Fatal(err)
		}
		if err := Document(name, text); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
}

func TestSources(t *testing.T) {
	for name := range all(t) {
		if text, err := Source(name); err != nil || !json.Valid(text) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
