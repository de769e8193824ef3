package cases

// header is case.yaml, as it is written.
type header struct {
	Title    string       `json:"title"`
	Spec     string       `json:"spec"`
	Upstream []int        `json:"upstream"`
	Features []string     `json:"features"`
	Probes   []string     `json:"probes"`
	Paths    []string     `json:"paths"`
	Nodes    []string     `json:"nodes"`
	Steps    []headerStep `json:"steps"`
}

type headerStep struct {
	Name   string         `json:"name"`
	Do     []headerAction `json:"do"`
	Expect string         `json:"expect"`
}

// headerAction has exactly one field set.
type headerAction struct {
	Apply           *string          `json:"apply"` // a file of the archive
	Patch           *headerPatch     `json:"patch"`
	Delete          *string          `json:"delete"` // x/policy
	LabelPod        *headerPod       `json:"labelPod"`
	LabelNamespace  *headerNamespace `json:"labelNamespace"`
	CreatePod       *headerNewPod    `json:"createPod"`
	DeletePod       *string          `json:"deletePod"` // x/pod
	CreateNamespace *headerNamespace `json:"createNamespace"`
	DeleteNamespace *string          `json:"deleteNamespace"`
}

type headerPatch struct {
	Policy string `json:"policy"` // x/policy
	File   string `json:"file"`
}

type headerPod struct {
	Pod    string             `json:"pod"` // x/pod
	Labels map[string]*string `json:"labels"`
}

type headerNamespace struct {
	Namespace string             `json:"namespace"`
	Labels    map[string]*string `json:"labels"`
}

type headerNewPod struct {
	Pod    string            `json:"pod"` // x/pod
	Labels map[string]string `json:"labels"`
	Node   int               `json:"node"`
	Ports  map[string]string `json:"ports"` // name to 80/TCP
}
