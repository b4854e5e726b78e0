package image

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"testing"

	"quarry/internal/render"
)

// recipeSum is of what render.RecipeVersion 4 puts into every image.
// When it changes: bump render.RecipeVersion, then write this sum.
const recipeSum = "6ae7ee7b56809f0de8a95b64dea260f209b07342b8ffd4f24f8e38a7e94f4873"

// An image's address tells how it was made only by the recipe's version, so
// whoever changes what goes into every image must bump it. This sees files and
// lists; a change of the steps in base, dress and clean is for the author to see.
func TestRecipeVersionIsBumped(t *testing.T) {
	_, root := plainTree(t)
	if err := putTree(root); err != nil {
		t.Fatal(err)
	}
	h := sha256.New()
	files := 0
	err := fs.WalkDir(baseFiles, "tree", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		files++
		name := path[len("tree/"):]
		raw, err := root.ReadFile(name)
		if err != nil {
			return err
		}
		info, err := root.Stat(name) // the mode is putTree's: an embedded file has none
		if err != nil {
			return err
		}
		fmt.Fprintf(h, "%s %s %q\n", name, info.Mode(), raw)
		return nil
	})
	if err != nil || files == 0 {
		t.Fatalf("%d files in the tree: %v", files, err)
	}
	script, err := baseFiles.ReadFile("init.sh")
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(h, "%q\n%q\n%q\n%q\n%q\n", script, sandboxScript, mkfsScript, kernelPackage, kernelArguments)
	for _, list := range [][]string{basePackages(), maskedUnits(), maskedGenerators(), bootModules(), keptFolders(), mkfsOptions(), sameTime(render.Epoch)} {
		fmt.Fprintf(h, "%q\n", list)
	}
	if sum := hex.EncodeToString(h.Sum(nil)); sum != recipeSum {
		t.Errorf("what goes into every image changed: bump render.RecipeVersion (now %d) and write the new sum %s", render.RecipeVersion, sum)
	}
}
