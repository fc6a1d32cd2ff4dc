package awswire

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
)

// TokenCodec makes opaque, encrypted tokens that contain their own data, so that
// the server stores neither sessions nor pages. Its key is random, so tokens are
// valid only for the same codec. It is safe for concurrent use. The zero value is
// not usable; see NewTokenCodec.
type TokenCodec struct {
	aead cipher.AEAD
}

// NewTokenCodec returns a codec with a new random key.
func NewTokenCodec() TokenCodec {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err) // impossible: the key has a valid length
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err) // impossible: the block has a valid length
	}
	return TokenCodec{aead: aead}
}

// Encode returns a token of v that is valid only within the scope.
func (c TokenCodec) Encode(scope string, v any) (string, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("encode a token: %w", err)
	}
	return base64.StdEncoding.EncodeToString(c.aead.Seal(nil, nil, text, []byte(scope))), nil
}

// Decode reads a token into v and reports whether it is valid within the scope.
func (c TokenCodec) Decode(scope, token string, v any) bool {
	sealed, err := base64.StdEncoding.DecodeString(token)
	if err != nil {
		return false
	}
	text, err := c.aead.Open(nil, nil, sealed, []byte(scope))
	return err == nil && json.Unmarshal(text, v) == nil
}
