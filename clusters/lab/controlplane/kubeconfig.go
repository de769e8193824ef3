package controlplane

import (
	"fmt"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/netassay/netassay/clusters/lab/pki"
)

// WriteNodeKubeconfig writes a kubeconfig for agents on node; user is whom they are to the
// API server.
func (c *ControlPlane) WriteNodeKubeconfig(path, user string) error {
	return c.writeKubeconfig(path, c.nodeURL(), user)
}

// WriteAdminKubeconfig writes a kubeconfig of the lab's admin that reaches the API server
// at url, e.g. for the host's kubectl.
func (c *ControlPlane) WriteAdminKubeconfig(path, url string) error {
	return c.write(path, url, "netassay-admin", c.admin)
}

func (c *ControlPlane) writeKubeconfig(path, url, user string) error {
	pair, err := c.ca.Issue(pki.Subject{Name: user, Groups: []string{"system:masters"}})
	if err != nil {
		return err
	}
	return c.write(path, url, user, pair)
}

func (c *ControlPlane) write(path, url, user string, pair pki.Pair) error {
	const name = "netassay-lab"
	cfg := clientcmdapi.NewConfig()
	cfg.Clusters[name] = &clientcmdapi.Cluster{Server: url, CertificateAuthorityData: c.ca.PEM}
	cfg.AuthInfos[user] = &clientcmdapi.AuthInfo{ClientCertificateData: pair.Cert, ClientKeyData: pair.Key}
	cfg.Contexts[name] = &clientcmdapi.Context{Cluster: name, AuthInfo: user}
	cfg.CurrentContext = name
	// WriteToFile creates it with mode 0600.
	if err := clientcmd.WriteToFile(*cfg, path); err != nil {
		return fmt.Errorf("write kubeconfig: %w", err)
	}
	return nil
}
