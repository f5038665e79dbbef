// The fixed credentials of `cargo dev` (tools/dev/src/mode.rs). They open nothing but a simulator.
export const ACCOUNT_SID = 'AC00000000000000000000000000000001';
export const AUTH_TOKEN = 'simulated-auth-token';
export const PHONE_NUMBER = '+12125550100';
export const AGENT_ID = 'agent_simulated';
export const API_KEY = 'simulated-api-key';
