package simulator

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
)

// sealer makes opaque tokens that carry their own content, so that the server
// remembers neither sessions nor pages. Its key is random and lives as long as
// the server.
type sealer struct {
	aead cipher.AEAD
}

func newSealer() sealer {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err) // the key's length is right
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err) // the block's length is right
	}
	return sealer{aead: aead}
}

// seal returns a token of v that opens for the same purpose only.
func (s sealer) seal(purpose string, v any) (string, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return "", err
	}
	return base64.StdEncoding.EncodeToString(s.aead.Seal(nil, nil, text, []byte(purpose))), nil
}

// open reads a token back into v and reports whether it is genuine and made
// for the purpose.
func (s sealer) open(purpose, token string, v any) bool {
	sealed, err := base64.StdEncoding.DecodeString(token)
	if err != nil {
		return false
	}
	text, err := s.aead.Open(nil, nil, sealed, []byte(purpose))
	return err == nil && json.Unmarshal(text, v) == nil
}
