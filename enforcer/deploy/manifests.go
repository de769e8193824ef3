package deploy

import (
	_ "embed"
	"fmt"
	"regexp"
	"strings"
)

//go:embed rbac.yaml
var rbac string

//go:embed daemonset.yaml
var daemonSet string

// Image is the image that the manifests name unless another is asked for.
const Image = "netassay/enforcer:latest"

// reference is what may stand for an image in YAML without being anything else.
var reference = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:/@-]*$`)

// Manifests are the objects that run the enforcer from image on every node, as YAML
// documents in the order in which they are to be made.
func Manifests(image string) (string, error) {
	if !reference.MatchString(image) {
		return "", fmt.Errorf("image %q is no image reference, e.g. %s", image, Image)
	}
	return rbac + "---\n" + strings.Replace(daemonSet, "image: "+Image+"\n", "image: "+image+"\n", 1), nil
}
