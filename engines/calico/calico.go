package calico

import (
	"context"
	_ "embed" // objects and profile
	"path/filepath"
	"time"

	"k8s.io/client-go/rest"

	"github.com/netassay/netassay/engines"
	"github.com/netassay/netassay/engines/agents"
	"github.com/netassay/netassay/engines/objects"
	"github.com/netassay/netassay/engines/profile"
)

// Name is the engine's name, and that of its program.
const Name = "calico"

const (
	// Addresses on the node's loopback, away from what pods' servers use: cases take nodes as
	// servers too.
	readyURL   = "http://127.0.0.1:9099/readiness"
	metricsURL = "http://127.0.0.1:9091/metrics"
	// readyDeadline is generous: at the headline size an agent reads 20,000 pods first.
	readyDeadline = 3 * time.Minute
	// crds is the directory beside the program, as clusters/binaries keeps it.
	crds = "crd"
)

// settings are what Calico's own manifests put into its store where no operator does: that the
// store is ready, and a configuration without wishes.
//
//go:embed settings.yaml
var settings string

//go:embed profile.yaml
var known []byte

// Profile is what is known of Calico.
func Profile() profile.Profile { return profile.Must(known) }

//go:embed windows.yaml
var knownOnWindows []byte

// OnWindows is what is known of it on Windows nodes, which it was never run on here.
func OnWindows() profile.Profile { return profile.Must(knownOnWindows) }

// Engine is Felix on each node, and what it finds in the API server.
type Engine struct {
	agents.Engine
	binary string
}

// New is Calico by the path of Felix' program.
func New(binary string) *Engine {
	e := &Engine{binary: binary}
	e.Engine = agents.Engine{Lacks: Profile().Lacks(), Spec: agents.Spec{
		Name: Name, Env: environment, Install: e.install, Ready: agents.ReadyAt(readyURL), Deadline: readyDeadline,
		Argv: func(engines.Node) []string {
			return []string{binary, "--config-file=/nonexistent/felix.cfg"} // whatever this machine has in /etc
		},
	}}
	return e
}

// MetricsURL is the page of metrics of each agent, on the loopback of its node.
func (*Engine) MetricsURL() string { return metricsURL }

func (e *Engine) install(ctx context.Context, cfg *rest.Config, _ []engines.Node) error {
	manifests, err := e.manifests()
	if err != nil {
		return err
	}
	return objects.Install(ctx, cfg, manifests...)
}

// manifests are the definitions that came with the program, then the settings.
func (e *Engine) manifests() ([]objects.Manifest, error) {
	all, err := objects.Beneath(filepath.Join(filepath.Dir(e.binary), crds))
	return append(all, objects.Manifest{Name: "settings of calico", Text: settings}), err
}

// environment configures Felix by the profile's options, much as Calico's manifest for policy
// without networking does (manifests/calico-policy-only.yaml): another plugin has made the links.
func environment(n engines.Node) []string {
	return append([]string{"KUBECONFIG=" + n.Kubeconfig(), "FELIX_FELIXHOSTNAME=" + n.Name()}, Profile().Env()...)
}
