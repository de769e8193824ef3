// Package pki issues the certificates of one lab: an authority of its own, made anew for
// every lab, and the serving and client certificates beneath it.
//
// It decides key type and lifetimes only. It must never write a file or outlive its lab:
// whoever has the authority is admin of the lab.
package pki

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/netip"
	"time"

	"k8s.io/client-go/util/cert"
	"k8s.io/client-go/util/keyutil"
)

// A lab lives for hours; a certificate that is valid for a year never ends before it, and
// one that is valid since yesterday survives clocks that disagree.
const (
	lifetime = 365 * 24 * time.Hour
	backdate = 24 * time.Hour
)

// Authority is a certificate authority.
type Authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	// PEM is the authority's certificate.
	PEM []byte
}

// Pair is a certificate and its key, PEM encoded.
type Pair struct {
	Cert, Key []byte
}

// TLS is p as crypto/tls wants it.
func (p Pair) TLS() (tls.Certificate, error) {
	c, err := tls.X509KeyPair(p.Cert, p.Key)
	if err != nil {
		return c, fmt.Errorf("load certificate: %w", err)
	}
	return c, nil
}

// Subject is whom a certificate is for. Kubernetes reads the name as user and the groups
// as groups.
type Subject struct {
	Name   string
	Groups []string
	// Hosts and IPs are what a serving certificate answers for; with neither it is a
	// client certificate.
	Hosts []string
	IPs   []netip.Addr
}

// NewAuthority makes an authority.
func NewAuthority() (*Authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("generate key: %w", err)
	}
	ca, err := cert.NewSelfSignedCACert(cert.Config{CommonName: "netassay-lab", NotBefore: time.Now().Add(-backdate)}, key)
	if err != nil {
		return nil, fmt.Errorf("sign authority: %w", err)
	}
	text, err := cert.EncodeCertificates(ca)
	if err != nil {
		return nil, fmt.Errorf("encode authority: %w", err)
	}
	return &Authority{cert: ca, key: key, PEM: text}, nil
}

// Pool holds just the authority's certificate.
func (a *Authority) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

// Issue makes a certificate for s.
func (a *Authority) Issue(s Subject) (Pair, error) {
	key, keyPEM, err := NewKey()
	if err != nil {
		return Pair{}, err
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()),
		Subject:      pkix.Name{CommonName: s.Name, Organization: s.Groups},
		NotBefore:    now.Add(-backdate),
		NotAfter:     now.Add(lifetime),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	if len(s.Hosts)+len(s.IPs) > 0 {
		template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
		template.DNSNames = s.Hosts
		for _, ip := range s.IPs {
			template.IPAddresses = append(template.IPAddresses, net.IP(ip.AsSlice()))
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	if err != nil {
		return Pair{}, fmt.Errorf("sign certificate of %s: %w", s.Name, err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: cert.CertificateBlockType, Bytes: der})
	return Pair{Cert: text, Key: keyPEM}, nil
}

// NewKey makes a private key and its PEM encoding.
func NewKey() (*ecdsa.PrivateKey, []byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("generate key: %w", err)
	}
	text, err := keyutil.MarshalPrivateKeyToPEM(key)
	if err != nil {
		return nil, nil, fmt.Errorf("encode key: %w", err)
	}
	return key, text, nil
}
