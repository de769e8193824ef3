package lab

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/procfs"

	"github.com/netassay/netassay/internal/flock"
)

// Labs is the directory that holds a directory per lab which outlives its command. A lab lives
// exactly as long as the lock in its directory is held; its process holds it and lets go when
// it ends, however it ends.
type Labs struct {
	root string
}

// DefaultLabs are the labs of this user: below XDG_STATE_HOME, else ~/.local/state.
func DefaultLabs() (Labs, error) {
	root, err := flock.StateDir("labs")
	return Labs{root: root}, err
}

// State is how a lab is.
type State string

// A lab is starting, then ready; broken when one of its programs died; dead when its
// process has ended without Down.
const (
	Starting State = "starting"
	Ready    State = "ready"
	Broken   State = "broken"
	Dead     State = "dead"
)

// Status is what can be told about a lab from outside.
type Status struct {
	Name     string    `json:"name"`
	State    State     `json:"state"`
	Pid      int       `json:"pid"` // of its init, 0 when it isn't known
	Created  time.Time `json:"created"`
	Nodes    int       `json:"nodes"`
	Families string    `json:"families"`
	// Server is the API server's address for the host; Kubeconfig the file that knows it.
	Server     string `json:"server"`
	Kubeconfig string `json:"kubeconfig"`
	Logs       string `json:"logs"`
	// ReadySeconds is how long the start took.
	ReadySeconds float64 `json:"readySeconds,omitempty"`
	Problem      string  `json:"problem,omitempty"` // why it is broken
}

// record is state.json, written by Up.
type record struct {
	Pid      int       `json:"pid"`
	Started  uint64    `json:"started"` // clock ticks from boot, tells reused pids apart
	Created  time.Time `json:"created"`
	Nodes    int       `json:"nodes"`
	Families string    `json:"families"`
	Server   string    `json:"server"`
}

// The files in a lab's directory.
const (
	recordFile     = "state.json"
	readyFile      = "ready"  // written by the lab: seconds until it was ready
	problemFile    = "broken" // written by the lab: what died
	lockFile       = "lock"
	kubeconfigFile = "kubeconfig"
	logsDir        = "logs"
	labLog         = "lab.log"
)

// ErrNoLab is the error for a name that no lab has.
var ErrNoLab = errors.New("no such lab")

var validName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?$`)

func (l Labs) dir(name string) (string, error) {
	if !validName.MatchString(name) {
		return "", fmt.Errorf("lab name %q is not made of up to 40 lower-case letters, digits and inner dashes", name)
	}
	return filepath.Join(l.root, name), nil
}

// List is the status of every lab, sorted by name.
func (l Labs) List() ([]Status, error) {
	entries, err := os.ReadDir(l.root)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list labs: %w", err)
	}
	var out []Status
	for _, e := range entries {
		if !e.IsDir() || !validName.MatchString(e.Name()) {
			continue
		}
		if s, err := l.Status(e.Name()); err == nil {
			out = append(out, s)
		}
	}
	return out, nil
}

// Status is the status of the lab called name; ErrNoLab when there is none.
func (l Labs) Status(name string) (Status, error) {
	dir, err := l.dir(name)
	if err != nil {
		return Status{}, err
	}
	if _, err := os.Stat(dir); err != nil {
		return Status{}, l.missing(name)
	}
	s := Status{
		Name: name, State: Starting,
		Kubeconfig: filepath.Join(dir, kubeconfigFile), Logs: filepath.Join(dir, logsDir),
	}
	if r, err := readRecord(dir); err == nil {
		s.Pid, s.Created, s.Nodes, s.Families, s.Server = r.Pid, r.Created, r.Nodes, r.Families, r.Server
	}
	if text, err := os.ReadFile(filepath.Join(dir, readyFile)); err == nil {
		s.State = Ready
		s.ReadySeconds, _ = strconv.ParseFloat(string(text), 64)
	}
	if text, err := os.ReadFile(filepath.Join(dir, problemFile)); err == nil {
		s.State, s.Problem = Broken, string(text)
	}
	if !live(dir) {
		s.State = Dead
	}
	return s, nil
}

// missing is ErrNoLab with the names that there are.
func (l Labs) missing(name string) error {
	entries, _ := os.ReadDir(l.root)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if len(names) == 0 {
		return fmt.Errorf("%w: %s; there is none: netassay lab up", ErrNoLab, name)
	}
	return fmt.Errorf("%w: %s; there is %s", ErrNoLab, name, strings.Join(names, ", "))
}

// KubeconfigPath is the kubeconfig of the live lab called name, for clients on the host.
func (l Labs) KubeconfigPath(name string) (string, error) {
	s, err := l.Status(name)
	if err != nil {
		return "", err
	}
	if !slices.Contains([]State{Ready, Broken}, s.State) {
		return "", fmt.Errorf("lab %s is %s", name, s.State)
	}
	return s.Kubeconfig, nil
}

func readRecord(dir string) (record, error) {
	var r record
	text, err := os.ReadFile(filepath.Join(dir, recordFile))
	if err == nil {
		err = json.Unmarshal(text, &r)
	}
	return r, err
}

// writeRecord replaces state.json in one step.
func writeRecord(dir string, r record) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("encode state: %w", err)
	}
	return replace(filepath.Join(dir, recordFile), append(text, '\n'))
}

// replace writes a file in one step: who reads it sees all or nothing.
func replace(path string, text []byte) error {
	temp := path + ".new"
	if err := os.WriteFile(temp, text, 0o600); err != nil {
		return fmt.Errorf("write state: %w", err)
	}
	if err := os.Rename(temp, path); err != nil {
		return fmt.Errorf("write state: %w", err)
	}
	return nil
}

// live reports whether the lab in dir lives.
func live(dir string) bool {
	held, _ := flock.Held(filepath.Join(dir, lockFile))
	return held
}

// startTime is when process pid began, in clock ticks from boot.
func startTime(pid int) (uint64, error) {
	p, err := procfs.NewProc(pid)
	if err != nil {
		return 0, fmt.Errorf("read state of process %d: %w", pid, err)
	}
	stat, err := p.Stat()
	return stat.Starttime, err
}
