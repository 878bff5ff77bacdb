/** @file Where files are dropped, or chosen by keys. */
import { useRef, useState } from 'preact/hooks';
import { chosenFiles, droppedFiles, type Found } from './files.ts';

export function DropZone({ onFiles }: { onFiles(found: readonly Found[]): void }) {
  const [isOver, setOver] = useState(false);
  const files = useRef<HTMLInputElement>(null);
  const folder = useRef<HTMLInputElement>(null);
  return (
    <div
      class={`drop${isOver ? ' over' : ''}`}
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={(event) => {
        event.preventDefault();
        setOver(false);
        if (event.dataTransfer) void droppedFiles(event.dataTransfer.items).then(onFiles);
      }}
    >
      <p>
        <b>Drop files or folders here</b>
      </p>
      <p class="small muted">
        .onnx; graph.json with weights.safetensors; pictures, best in folders named by class; labels.txt
      </p>
      <div class="row">
        <button type="button" onClick={() => files.current?.click()}>
          Choose files
        </button>
        <button type="button" onClick={() => folder.current?.click()}>
          Choose a folder
        </button>
      </div>
      <input
        ref={files}
        type="file"
        multiple
        hidden
        aria-label="Files"
        data-files
        onChange={(e) => {
          onFiles(chosenFiles(e.currentTarget.files));
          e.currentTarget.value = '';
        }}
      />
      <input
        ref={folder}
        type="file"
        multiple
        hidden
        aria-label="Folder"
        {...{ webkitdirectory: true }}
        onChange={(e) => {
          onFiles(chosenFiles(e.currentTarget.files));
          e.currentTarget.value = '';
        }}
      />
    </div>
  );
}
