export declare const TURNS: number;
export declare const GREEDY: { readonly temperature: number; readonly maxTokens: number; readonly ignoreEos: boolean };
export declare function talk(createChat: unknown, model: unknown): Promise<unknown>;
