// Package testcerts makes certificates for servers of tests.
package testcerts

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Files are certificates and a key in PEM, as servers and clients read them.
type Files struct {
	CA   string // who signed the certificate: the only one to trust
	Cert string // of a server at 127.0.0.1 and localhost
	Key  string
}

// New makes an authority and a server's certificate that is valid while t runs.
func New(t testing.TB) Files {
	t.Helper()
	dir := t.TempDir()
	files := Files{filepath.Join(dir, "ca.pem"), filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")}
	authority := certificate("payment-system tests", true)
	authorityKey := newKey(t)
	write(t, files.CA, "CERTIFICATE", sign(t, authority, authority, authorityKey, authorityKey))
	key := newKey(t)
	write(t, files.Cert, "CERTIFICATE", sign(t, certificate("127.0.0.1", false), authority, key, authorityKey))
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	write(t, files.Key, "PRIVATE KEY", der)
	return files
}

func certificate(name string, isAuthority bool) *x509.Certificate {
	now := time.Now() // whoever verifies a certificate asks the machine
	c := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour),
		BasicConstraintsValid: true, IsCA: isAuthority,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if isAuthority {
		c.KeyUsage, c.ExtKeyUsage = x509.KeyUsageCertSign, nil
		return c
	}
	c.IPAddresses, c.DNSNames = []net.IP{net.IPv4(127, 0, 0, 1)}, []string{"localhost"}
	return c
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func sign(t testing.TB, c, by *x509.Certificate, key, byKey *ecdsa.PrivateKey) []byte {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, c, by, &key.PublicKey, byKey)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func write(t testing.TB, file, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}
