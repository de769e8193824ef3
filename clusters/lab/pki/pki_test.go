package pki_test

import (
	"crypto/x509"
	"encoding/pem"
	"net/netip"
	"testing"

	"github.com/netassay/netassay/clusters/lab/pki"
)

func TestIssuedCertificatesVerify(t *testing.T) {
	ca, err := pki.NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	other, err := pki.NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	server := pki.Subject{Name: "api", Hosts: []string{"kubernetes"}, IPs: []netip.Addr{netip.MustParseAddr("fd00::1")}}
	for _, tc := range []struct {
		name    string
		subject pki.Subject
		by      *pki.Authority
		opts    x509.VerifyOptions
		ok      bool
	}{
		{"server by name", server, ca, x509.VerifyOptions{DNSName: "kubernetes"}, true},
		{"server by address", server, ca, x509.VerifyOptions{DNSName: "fd00::1"}, true},
		{"server by another address", server, ca, x509.VerifyOptions{DNSName: "fd00::2"}, false},
		{"server as client", server, ca, x509.VerifyOptions{KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}, false},
		{"client", pki.Subject{Name: "admin"}, ca, x509.VerifyOptions{KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}, true},
		{"by another authority", server, other, x509.VerifyOptions{}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			pair, err := tc.by.Issue(tc.subject)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := pair.TLS(); err != nil {
				t.Fatal(err)
			}
			block, _ := pem.Decode(pair.Cert)
			cert, err := x509.ParseCertificate(block.Bytes)
			if err != nil {
				t.Fatal(err)
			}
			tc.opts.Roots = ca.Pool()
			if _, err := cert.Verify(tc.opts); (err == nil) != tc.ok {
				t.Errorf("got %v, want ok %v", err, tc.ok)
			}
		})
	}
}
