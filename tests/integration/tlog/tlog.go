// SPDX-License-Identifier: Apache-2.0

// Checks an audit log with the code of Go's checksum database, golang.org/x/mod/sumdb, which shares nothing with ours.
//
//	tlog URL TOKEN VERIFIER_KEY checkpoint           the checkpoint's size and root, once its signature is checked
//	tlog URL TOKEN VERIFIER_KEY records              how many entries the checkpoint's tree holds, each checked against it
//	tlog URL TOKEN VERIFIER_KEY consistent SIZE ROOT  that the checkpoint's tree goes on from this one
//	tlog URL TOKEN VERIFIER_KEY proofs INDEX          that the service's own proofs of this record, and from each size, hold
package main

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type log struct{ url, token string }

func (l log) get(path string) ([]byte, error) {
	request, err := http.NewRequest("GET", l.url+"/"+path, nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+l.token)
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != 200 {
		return nil, fmt.Errorf("%s: %s", path, answer.Status)
	}
	return io.ReadAll(answer.Body)
}

// Go's own path has the height in it, and "data" for entries: tile/8/L/N becomes tile/L/N.
func (l log) Height() int { return 8 }

func (l log) ReadTiles(tiles []tlog.Tile) (data [][]byte, err error) {
	for _, tile := range tiles {
		one, err := l.get(strings.Replace(tile.Path(), "tile/8/", "tile/", 1))
		if err != nil {
			return nil, err
		}
		data = append(data, one)
	}
	return data, nil
}

func (l log) SaveTiles(tiles []tlog.Tile, data [][]byte) {}

// Go's ParseTree takes its own origin line only.
func parseCheckpoint(text, origin string) (tree tlog.Tree, err error) {
	lines := strings.Split(text, "\n")
	if len(lines) != 4 || lines[0] != origin || lines[3] != "" {
		return tree, fmt.Errorf("not a checkpoint of %s: %q", origin, text)
	}
	if tree.N, err = strconv.ParseInt(lines[1], 10, 64); err != nil {
		return tree, err
	}
	root, err := base64.StdEncoding.DecodeString(lines[2])
	copy(tree.Hash[:], root)
	if err == nil && len(root) != tlog.HashSize {
		err = fmt.Errorf("the root has %d bytes", len(root))
	}
	return tree, err
}

func (l log) checkpoint(verifier note.Verifier) (tree tlog.Tree, err error) {
	signed, err := l.get("checkpoint")
	if err != nil {
		return tree, err
	}
	opened, err := note.Open(signed, note.VerifierList(verifier))
	if err != nil {
		return tree, err
	}
	return parseCheckpoint(opened.Text, verifier.Name())
}

func (l log) bundle(tile tlog.Tile) (entries [][]byte, err error) {
	data, err := l.get(strings.Replace(strings.Replace(tile.Path(), "tile/8/", "tile/", 1), "tile/data/", "tile/entries/", 1))
	for err == nil && len(data) > 0 {
		if len(data) < 2 || len(data) < 2+int(data[0])<<8+int(data[1]) {
			return nil, fmt.Errorf("%s: a bundle that is cut off", tile.Path())
		}
		size := int(data[0])<<8 + int(data[1])
		entries = append(entries, data[2:2+size])
		data = data[2+size:]
	}
	return entries, err
}

func (l log) records(tree tlog.Tree) error {
	reader := tlog.TileHashReader(tree, l)
	for first := int64(0); first < tree.N; first += 256 {
		width := tree.N - first
		if width > 256 {
			width = 256
		}
		entries, err := l.bundle(tlog.Tile{H: 8, L: -1, N: first / 256, W: int(width)})
		if err != nil {
			return err
		}
		if int64(len(entries)) != width {
			return fmt.Errorf("the bundle of %d holds %d entries", first, len(entries))
		}
		indexes := make([]int64, width)
		for i := range indexes {
			indexes[i] = tlog.StoredHashIndex(0, first+int64(i))
		}
		hashes, err := reader.ReadHashes(indexes)
		if err != nil {
			return err
		}
		for i, entry := range entries {
			if tlog.RecordHash(entry) != hashes[i] {
				return fmt.Errorf("entry %d is not what its leaf says", first+int64(i))
			}
		}
	}
	return nil
}

func (l log) consistent(tree tlog.Tree, size int64, root tlog.Hash) error {
	proof, err := tlog.ProveTree(tree.N, size, tlog.TileHashReader(tree, l))
	if err != nil {
		return err
	}
	return tlog.CheckTree(proof, tree.N, tree.Hash, size, root)
}

func hashes(texts []string) (proof []tlog.Hash, err error) {
	for _, text := range texts {
		var hash tlog.Hash
		bytes, err := hex.DecodeString(text)
		if err != nil || len(bytes) != tlog.HashSize {
			return nil, fmt.Errorf("%s is no hash", text)
		}
		copy(hash[:], bytes)
		proof = append(proof, hash)
	}
	return proof, nil
}

type inclusion struct {
	Leaf  string `json:"leaf_hash"`
	Proof struct {
		Root string
		Path []string
	}
}

type consistency struct {
	From string `json:"from_root"`
	Path []string
}

func (l log) ask(path string, answer interface{}) error {
	text, err := l.get(path)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, answer)
}

func (l log) checkInclusion(tree tlog.Tree, index int64) error {
	var answer inclusion
	if err := l.ask(fmt.Sprintf("v1/proofs/inclusion?index=%d&size=%d", index, tree.N), &answer); err != nil {
		return err
	}
	proof, err := hashes(answer.Proof.Path)
	if err != nil {
		return err
	}
	leaf, err := hashes([]string{answer.Leaf})
	if err != nil {
		return err
	}
	return tlog.CheckRecord(proof, tree.N, tree.Hash, index, leaf[0])
}

func (l log) checkConsistency(tree tlog.Tree, size int64) error {
	var answer consistency
	if err := l.ask(fmt.Sprintf("v1/proofs/consistency?from=%d&to=%d", size, tree.N), &answer); err != nil {
		return err
	}
	proof, err := hashes(answer.Path)
	if err != nil {
		return err
	}
	root, err := hashes([]string{answer.From})
	if err != nil {
		return err
	}
	return tlog.CheckTree(proof, tree.N, tree.Hash, size, root[0])
}

func (l log) proofs(tree tlog.Tree, index int64) error {
	if err := l.checkInclusion(tree, index); err != nil {
		return err
	}
	for size := int64(1); size < tree.N; size += 1 + tree.N/64 {
		if err := l.checkConsistency(tree, size); err != nil {
			return fmt.Errorf("from %d: %v", size, err)
		}
	}
	return nil
}

func run(arguments []string) error {
	if len(arguments) < 4 {
		return fmt.Errorf("see the head of tlog.go")
	}
	verifier, err := note.NewVerifier(arguments[2])
	if err != nil {
		return err
	}
	l := log{arguments[0], arguments[1]}
	tree, err := l.checkpoint(verifier)
	if err != nil {
		return err
	}
	number := int64(0)
	if len(arguments) > 4 {
		if number, err = strconv.ParseInt(arguments[4], 10, 64); err != nil {
			return err
		}
	}
	switch arguments[3] {
	case "records":
		err = l.records(tree)
	case "consistent":
		var root []tlog.Hash
		if root, err = hashes(arguments[5:6]); err == nil {
			err = l.consistent(tree, number, root[0])
		}
	case "proofs":
		err = l.proofs(tree, number)
	}
	if err == nil {
		fmt.Println(tree.N, hex.EncodeToString(tree.Hash[:]))
	}
	return err
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
