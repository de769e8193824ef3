package cases

import "github.com/netassay/netassay/model"

// header is case.yaml, as it is written.
type header struct {
	Title    string       `json:"title,omitempty"`
	Spec     string       `json:"spec,omitempty"`
	Upstream []int        `json:"upstream,omitempty"`
	Features []string     `json:"features,omitempty"`
	Probes   []string     `json:"probes,omitempty"`
	Paths    []string     `json:"paths,omitempty"`
	Nodes    []string     `json:"nodes,omitempty"`
	World    []string     `json:"world,omitempty"` // addresses
	Steps    []headerStep `json:"steps,omitempty"`
}

type headerStep struct {
	Name   string         `json:"name,omitempty"`
	Do     []headerAction `json:"do,omitempty"`
	Expect string         `json:"expect,omitempty"`
}

// headerAction has exactly one field set.
type headerAction struct {
	Apply           *string          `json:"apply,omitempty"`  // a file of the archive
	Refuse          *string          `json:"refuse,omitempty"` // a file of the archive
	Patch           *headerPatch     `json:"patch,omitempty"`
	Delete          *string          `json:"delete,omitempty"` // x/policy
	LabelPod        *headerPod       `json:"labelPod,omitempty"`
	LabelNamespace  *headerNamespace `json:"labelNamespace,omitempty"`
	CreatePod       *headerNewPod    `json:"createPod,omitempty"`
	Flow            *headerFlow      `json:"flow,omitempty"`
	DeletePod       *string          `json:"deletePod,omitempty"`   // x/pod
	CompletePod     *string          `json:"completePod,omitempty"` // x/pod
	CreateNamespace *headerNamespace `json:"createNamespace,omitempty"`
	DeleteNamespace *string          `json:"deleteNamespace,omitempty"`
	Repeat          *headerRepeat    `json:"repeat,omitempty"`
	Restart         *headerRestart   `json:"restart,omitempty"`
	CreateService   *headerService   `json:"createService,omitempty"`
	DeleteService   *string          `json:"deleteService,omitempty"` // x/service
}

type headerRepeat struct {
	Times int            `json:"times"`
	Do    []headerAction `json:"do"`
}

type headerRestart struct {
	Part string         `json:"part"`
	Do   []headerAction `json:"do,omitempty"`
}

type headerPatch struct {
	Policy string `json:"policy,omitempty"` // x/policy
	File   string `json:"file,omitempty"`
}

type headerPod struct {
	Pod    string             `json:"pod,omitempty"` // x/pod
	Labels map[string]*string `json:"labels,omitempty"`
}

type headerNamespace struct {
	Namespace string             `json:"namespace,omitempty"`
	Labels    map[string]*string `json:"labels,omitempty"`
}

type headerFlow struct {
	Name string `json:"name,omitempty"`
	From string `json:"from,omitempty"` // x/pod
	To   string `json:"to,omitempty"`
	Port string `json:"port,omitempty"` // 80/TCP
}

type headerNewPod struct {
	Pod    string            `json:"pod,omitempty"` // x/pod
	Labels map[string]string `json:"labels,omitzero"`
	Node   int               `json:"node,omitempty"`
	Ports  map[string]string `json:"ports,omitempty"` // name to 80/TCP

	SidecarPorts map[string]string `json:"sidecarPorts,omitempty"` // the same, of a second container
	AddressOf    string            `json:"addressOf,omitempty"`    // x/pod
	HostNetwork  bool              `json:"hostNetwork,omitempty"`
	Family       model.Family      `json:"family,omitempty"`
	Lingers      bool              `json:"lingers,omitempty"`
}

type headerService struct {
	Service string            `json:"service,omitempty"` // x/service
	Pod     string            `json:"pod,omitempty"`     // x/pod
	Type    string            `json:"type,omitempty"`
	Ports   map[string]string `json:"ports,omitempty"` // number to 80/TCP, or to the name of a port

	ExternalTrafficPolicy string `json:"externalTrafficPolicy,omitempty"`
	InternalTrafficPolicy string `json:"internalTrafficPolicy,omitempty"`

	SourceRanges []string `json:"sourceRanges,omitempty"` // CIDRs
}
