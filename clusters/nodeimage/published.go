package nodeimage

import "sigs.k8s.io/kind/pkg/apis/config/defaults"

// Published is the node image that belongs to the release of kind that this project uses,
// pinned by digest in kind's own module: for machines that reach a registry and people who
// ask for it by --node-image. Nothing falls back to it.
const Published = defaults.Image
