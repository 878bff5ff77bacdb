/**
 * `moonlet/hub`: pretrained nets from the Hugging Face hub, in its own cache.
 *
 * @module moonlet/hub
 */
export { type HubCard, type HubPulled, type HubPullOptions, pullFromHub } from './pull.ts';
export { isHubName, parseRepository, type Repository } from './repository.ts';
export { type HubSettings, hubSettings } from './settings.ts';
export { openSnapshot, type Snapshot, type SnapshotFile, type SnapshotOptions } from './snapshot.ts';
