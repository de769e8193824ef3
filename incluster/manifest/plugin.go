package manifest

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// plugin is the definition of a Sonobuoy plugin, as far as ours has fields.
type plugin struct {
	Config  config           `json:"sonobuoy-config"`
	PodSpec corev1.PodSpec   `json:"podSpec"`
	Spec    corev1.Container `json:"spec"`
}

type config struct {
	Driver       string   `json:"driver"`
	PluginName   string   `json:"plugin-name"`
	ResultFormat string   `json:"result-format"`
	ResultFiles  []string `json:"result-files"`
	Description  string   `json:"description"`
	SourceURL    string   `json:"source-url"`
}

// sonobuoyAccount is the account that Sonobuoy makes, by default with all rights.
const sonobuoyAccount = "sonobuoy-serviceaccount"

// Plugin is the definition of a Sonobuoy plugin.
func Plugin(o Options) ([]byte, error) {
	text, err := tidy(plugin{
		Config: config{
			Driver: "Job", PluginName: o.name(), ResultFormat: "junit", ResultFiles: []string{"junit.xml"},
			Description: describe(o.Experiment),
			SourceURL:   "https://raw.githubusercontent.com/netassay/netassay/main/examples/sonobuoy/" + o.Experiment + ".yaml",
		},
		PodSpec: o.podSpec(sonobuoyAccount), Spec: o.mainContainer(),
	})
	return append([]byte(o.header("sonobuoy")+pluginUse), text...), err
}

const pluginUse = `#
#   sonobuoy run --wait --plugin FILE
#   sonobuoy results "$(sonobuoy retrieve)" --mode detailed
`

// name is that of a plugin or Job.
func (o Options) name() string { return name + "-" + o.Experiment }

func describe(experiment string) string {
	switch experiment {
	case "scale":
		return "NetworkPolicy at scale: convergence, leaks and the isolation of new pods, timed by real packets"
	case "verify":
		return "The check of the AKS documentation, with evidence"
	default:
		return "NetworkPolicy conformance: every behaviour of the API, judged by real packets"
	}
}

// header says how the file was made.
func (o Options) header(kind string) string {
	command := strings.Join(append([]string{"netassay", kind, "gen", o.Experiment}, o.Args...), " ")
	return fmt.Sprintf("# Made by: %s\n# Its other flags are told by --help; docs/sonobuoy.md says what is left and how it fails.\n", command)
}
