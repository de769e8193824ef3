package kindtest

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/netassay/netassay/incluster/outcome"
)

const pluginName = "netassay-conformance"

// plugin is one run of Sonobuoy, in a namespace of its own.
type plugin struct {
	*world
	namespace string
}

// status is what sonobuoy status tells.
type status struct {
	Status  string
	Plugins []struct {
		Plugin, Status string
		ResultStatus   string         `json:"result-status"`
		ResultCounts   map[string]int `json:"result-counts"`
		Progress       *struct {
			Total, Completed int
			Failures         []string
		}
	}
}

func (p *plugin) status(ctx context.Context) (s status, err error) {
	out, err := p.command(ctx, p.sonobuoy, "status", "-n", p.namespace, "--json")
	if text := strings.TrimSpace(out); strings.HasPrefix(text, "{") { // also when the exit code says that it failed
		return s, json.Unmarshal([]byte(text), &s)
	}
	return s, errors.Join(err, errors.New("no status yet: "+end(out)))
}

// over waits until the aggregator has what it wants.
func (p *plugin) over(ctx context.Context, long time.Duration) (s status, err error) {
	err = until(ctx, long, "Sonobuoy in "+p.namespace, func(ctx context.Context) (string, error) {
		s, err = p.status(ctx)
		if err != nil || s.Status == "complete" || s.Status == "failed" {
			return "", err
		}
		return s.Status, nil
	})
	return s, err
}

// pod is the plugin's pod, as soon as its main container runs.
func (p *plugin) pod(ctx context.Context) (*corev1.Pod, error) {
	var pod *corev1.Pod
	err := until(ctx, patience, "the plugin's pod in "+p.namespace, func(ctx context.Context) (string, error) {
		list, err := p.client.CoreV1().Pods(p.namespace).List(ctx, metav1.ListOptions{LabelSelector: "sonobuoy-component=plugin"})
		if err != nil || len(list.Items) == 0 {
			return "not there", err
		}
		pod = &list.Items[0]
		for _, c := range pod.Status.ContainerStatuses {
			if c.Name == "plugin" && c.State.Waiting == nil {
				return "", nil
			}
		}
		return "not started", nil
	})
	return pod, err
}

// retrieve fetches the tarball of a run, as soon as the aggregator hands it out.
func (p *plugin) retrieve(ctx context.Context) (file string, err error) {
	dir := filepath.Join(p.dir, p.namespace)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	err = until(ctx, patience, "results of "+p.namespace, func(ctx context.Context) (string, error) {
		out, err := p.command(ctx, p.sonobuoy, "retrieve", "-n", p.namespace, dir)
		file = strings.TrimSpace(out)
		return "", err
	})
	return file, err
}

// tarball is what a run has left, by the names of its files.
type tarball map[string][]byte

// open reads a .tar.gz.
func open(r io.Reader) (tarball, error) {
	zip, err := gzip.NewReader(r)
	if err != nil {
		return nil, err
	}
	all := tarball{}
	for in := tar.NewReader(zip); ; {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		if all[path.Clean(h.Name)], err = io.ReadAll(in); err != nil {
			return nil, fmt.Errorf("%s: %w", h.Name, err)
		}
	}
}

// results are the files that the plugin has handed in, in the tarball of Sonobuoy.
func results(file string) (all, ours tarball, err error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	if all, err = open(f); err != nil {
		return nil, nil, fmt.Errorf("read %s: %w", file, err)
	}
	ours = tarball{}
	for name, text := range all {
		if short, ok := strings.CutPrefix(name, "plugins/"+pluginName+"/results/global/"); ok {
			ours[short] = text
		}
	}
	return all, ours, nil
}

// unpack writes the files to a directory.
func (t tarball) unpack(dir string) error {
	for name, text := range t {
		to := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(to, text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// document is a JUnit document of ours.
type document struct {
	Suites []struct {
		Cases []struct {
			Name    string `xml:"name,attr"`
			Failure *said  `xml:"failure"`
			Error   *said  `xml:"error"`
			Skipped *said  `xml:"skipped"`
		} `xml:"testcase"`
	} `xml:"testsuite"`
}

type said struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr"`
}

// read is the document in the files, with what it says of the experiment's end, and how many cases
// it has judged.
func (t tarball) read() (unfinished string, judged int, err error) {
	var d document
	if err := xml.NewDecoder(bytes.NewReader(t["junit.xml"])).Decode(&d); err != nil {
		return "", 0, fmt.Errorf("read junit.xml: %w", err)
	}
	found := false
	for _, s := range d.Suites {
		for _, c := range s.Cases {
			switch {
			case c.Name == outcome.CaseName && c.Error != nil:
				found, unfinished = true, c.Error.Message
			case c.Name == outcome.CaseName:
				found = true
			case c.Skipped == nil && (c.Error == nil || c.Error.Type != "Unfinished"):
				judged++
			}
		}
	}
	if !found {
		return "", 0, errors.New("junit.xml doesn't say whether the experiment came to its end")
	}
	return unfinished, judged, nil
}

// runID is the experiment's own name of its run, "" when it came to none.
func (t tarball) runID() string {
	line, _, _ := bytes.Cut(t["records.jsonl"], []byte("\n"))
	var record struct{ Data struct{ ID string } }
	if json.Unmarshal(line, &record) != nil {
		return "" // it had no time to write one
	}
	return record.Data.ID
}
