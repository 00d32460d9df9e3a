import { DASH, DOT, DIGIT, BASE64_SIGN, HEX_LETTER, LETTER_OR_DIGIT, LOWER, UPPER, WORD } from './characters.ts';

/**
 * The form of a provider's keys: a prefix no other text has, then characters of one alphabet.
 *
 * Lengths are the shortest the provider is known to use or somewhat less, never exact: providers change them, and
 * the prefixes alone tell enough.
 */
export interface KeyForm {
  readonly kind: string;
  readonly prefix: string;
  readonly alphabet: number;
  /** Fewest characters behind the prefix. */
  readonly min: number;
  /** Most characters behind the prefix, for prefixes that mean nothing without the exact length. */
  readonly max?: number;
  /** Whether the prefix occurs in ordinary words too, so that the rest must not be words. */
  readonly isCommon?: true;
}

const HEX = DIGIT | HEX_LETTER;
const URL_SAFE = WORD;
const DOTTED = WORD | DOT;
const BASE64 = LETTER_OR_DIGIT | BASE64_SIGN;

/**
 * Where two forms share a beginning the longer prefix comes first. Prefixes and alphabets are those the providers
 * publish for secret scanning or show in their documentation.
 */
const FORMS: readonly KeyForm[] = [
  // Models
  { kind: 'openai_key', prefix: 'sk-proj-', alphabet: URL_SAFE, min: 8 },
  { kind: 'openai_key', prefix: 'sk-svcacct-', alphabet: URL_SAFE, min: 8 },
  { kind: 'openai_key', prefix: 'sk-admin-', alphabet: URL_SAFE, min: 16, isCommon: true },
  { kind: 'anthropic_key', prefix: 'sk-ant-', alphabet: URL_SAFE, min: 8 },
  { kind: 'openrouter_key', prefix: 'sk-or-v1-', alphabet: URL_SAFE, min: 8 },
  { kind: 'langfuse_key', prefix: 'sk-lf-', alphabet: URL_SAFE, min: 8 },
  { kind: 'api_key', prefix: 'sk-', alphabet: URL_SAFE, min: 8, isCommon: true },
  { kind: 'google_key', prefix: 'AIza', alphabet: URL_SAFE, min: 30 },
  { kind: 'google_token', prefix: 'ya29.', alphabet: DOTTED, min: 16 },
  { kind: 'google_client_secret', prefix: 'GOCSPX-', alphabet: URL_SAFE, min: 16 },
  { kind: 'groq_key', prefix: 'gsk_', alphabet: LETTER_OR_DIGIT, min: 16 },
  { kind: 'xai_key', prefix: 'xai-', alphabet: URL_SAFE, min: 24, isCommon: true },
  { kind: 'huggingface_token', prefix: 'hf_', alphabet: LETTER_OR_DIGIT, min: 20, isCommon: true },
  { kind: 'huggingface_token', prefix: 'api_org_', alphabet: LETTER_OR_DIGIT, min: 24, isCommon: true },
  { kind: 'replicate_token', prefix: 'r8_', alphabet: LETTER_OR_DIGIT, min: 24, isCommon: true },
  { kind: 'perplexity_key', prefix: 'pplx-', alphabet: LETTER_OR_DIGIT, min: 24, isCommon: true },
  { kind: 'fireworks_key', prefix: 'fw_', alphabet: LETTER_OR_DIGIT, min: 20, isCommon: true },
  { kind: 'cerebras_key', prefix: 'csk-', alphabet: LETTER_OR_DIGIT, min: 24, isCommon: true },
  { kind: 'nvidia_key', prefix: 'nvapi-', alphabet: URL_SAFE, min: 24, isCommon: true },
  { kind: 'together_key', prefix: 'tgp_v1_', alphabet: URL_SAFE, min: 20 },
  { kind: 'tavily_key', prefix: 'tvly-', alphabet: URL_SAFE, min: 16, isCommon: true },
  { kind: 'jina_key', prefix: 'jina_', alphabet: URL_SAFE, min: 32, isCommon: true },
  { kind: 'firecrawl_key', prefix: 'fc-', alphabet: HEX, min: 32, max: 32 },
  { kind: 'pinecone_key', prefix: 'pcsk_', alphabet: URL_SAFE, min: 24 },
  { kind: 'elevenlabs_key', prefix: 'sk_', alphabet: HEX, min: 40 },
  { kind: 'langsmith_key', prefix: 'lsv2_pt_', alphabet: URL_SAFE, min: 16 },
  { kind: 'langsmith_key', prefix: 'lsv2_sk_', alphabet: URL_SAFE, min: 16 },
  { kind: 'posthog_key', prefix: 'phx_', alphabet: LETTER_OR_DIGIT, min: 24, isCommon: true },

  // Clouds
  { kind: 'aws_access_key', prefix: 'AKIA', alphabet: UPPER | DIGIT, min: 16, max: 16 },
  { kind: 'aws_access_key', prefix: 'ASIA', alphabet: UPPER | DIGIT, min: 16, max: 16 },
  { kind: 'aws_access_key', prefix: 'ABIA', alphabet: UPPER | DIGIT, min: 16, max: 16 },
  { kind: 'alibaba_key', prefix: 'LTAI', alphabet: LETTER_OR_DIGIT, min: 16, max: 24 },
  { kind: 'digitalocean_token', prefix: 'dop_v1_', alphabet: HEX, min: 32 },
  { kind: 'digitalocean_token', prefix: 'doo_v1_', alphabet: HEX, min: 32 },
  { kind: 'digitalocean_token', prefix: 'dor_v1_', alphabet: HEX, min: 32 },
  { kind: 'cloudflare_token', prefix: 'cfut_', alphabet: URL_SAFE, min: 32 },
  { kind: 'cloudflare_token', prefix: 'cfat_', alphabet: URL_SAFE, min: 32 },
  { kind: 'cloudflare_token', prefix: 'cfk_', alphabet: URL_SAFE, min: 32 },
  { kind: 'cloudflare_token', prefix: 'v1.0-', alphabet: HEX | DASH, min: 100 },
  { kind: 'heroku_key', prefix: 'HRKU-', alphabet: URL_SAFE, min: 32 },
  { kind: 'vercel_token', prefix: 'vck_', alphabet: URL_SAFE, min: 20, isCommon: true },
  { kind: 'vercel_token', prefix: 'vcp_', alphabet: URL_SAFE, min: 20, isCommon: true },
  { kind: 'vercel_token', prefix: 'vci_', alphabet: URL_SAFE, min: 20, isCommon: true },
  { kind: 'vercel_token', prefix: 'vca_', alphabet: URL_SAFE, min: 20, isCommon: true },
  { kind: 'netlify_token', prefix: 'nfp_', alphabet: LETTER_OR_DIGIT, min: 32 },
  { kind: 'supabase_token', prefix: 'sbp_', alphabet: URL_SAFE, min: 32 },
  { kind: 'supabase_key', prefix: 'sb_secret_', alphabet: URL_SAFE, min: 16 },
  { kind: 'fly_token', prefix: 'fm2_', alphabet: BASE64, min: 40 },
  { kind: 'fly_token', prefix: 'fo1_', alphabet: URL_SAFE, min: 40 },
  { kind: 'neon_key', prefix: 'napi_', alphabet: LETTER_OR_DIGIT, min: 40 },
  { kind: 'planetscale_token', prefix: 'pscale_tkn_', alphabet: DOTTED, min: 32 },
  { kind: 'planetscale_password', prefix: 'pscale_pw_', alphabet: DOTTED, min: 32 },
  { kind: 'pulumi_token', prefix: 'pul-', alphabet: HEX, min: 40 },
  { kind: 'vault_token', prefix: 'hvs.', alphabet: URL_SAFE, min: 24 },
  { kind: 'vault_token', prefix: 'hvb.', alphabet: URL_SAFE, min: 24 },
  { kind: 'doppler_token', prefix: 'dp.pt.', alphabet: LETTER_OR_DIGIT, min: 40 },
  { kind: 'doppler_token', prefix: 'dp.st.', alphabet: DOTTED, min: 40 },
  { kind: 'tailscale_key', prefix: 'tskey-', alphabet: URL_SAFE, min: 16 },
  { kind: '1password_token', prefix: 'ops_eyJ', alphabet: BASE64, min: 64 },
  { kind: 'age_key', prefix: 'AGE-SECRET-KEY-1', alphabet: UPPER | DIGIT, min: 58 },

  // Data
  { kind: 'databricks_token', prefix: 'dapi', alphabet: HEX | DASH, min: 32, max: 34 },
  { kind: 'airtable_token', prefix: 'pat', alphabet: LETTER_OR_DIGIT | DOT, min: 79, max: 79 },
  { kind: 'new_relic_key', prefix: 'NRAK-', alphabet: UPPER | DIGIT, min: 24 },
  { kind: 'grafana_token', prefix: 'glsa_', alphabet: URL_SAFE, min: 32 },
  { kind: 'grafana_token', prefix: 'glc_', alphabet: BASE64, min: 32 },
  { kind: 'sentry_token', prefix: 'sntrys_', alphabet: BASE64 | WORD, min: 32 },
  { kind: 'sentry_token', prefix: 'sntryu_', alphabet: HEX, min: 32 },
  { kind: 'postman_key', prefix: 'PMAK-', alphabet: HEX | DASH, min: 32 },

  // Code and packages
  { kind: 'github_token', prefix: 'ghp_', alphabet: LETTER_OR_DIGIT, min: 16 },
  { kind: 'github_token', prefix: 'gho_', alphabet: LETTER_OR_DIGIT, min: 16 },
  { kind: 'github_token', prefix: 'ghu_', alphabet: LETTER_OR_DIGIT, min: 16 },
  { kind: 'github_token', prefix: 'ghs_', alphabet: DOTTED, min: 16 },
  { kind: 'github_token', prefix: 'ghr_', alphabet: LETTER_OR_DIGIT, min: 16 },
  { kind: 'github_token', prefix: 'github_pat_', alphabet: URL_SAFE, min: 20, isCommon: true },
  { kind: 'gitlab_token', prefix: 'glpat-', alphabet: DOTTED, min: 16 },
  { kind: 'gitlab_token', prefix: 'gldt-', alphabet: URL_SAFE, min: 16 },
  { kind: 'gitlab_token', prefix: 'glrt-', alphabet: DOTTED, min: 16 },
  { kind: 'gitlab_token', prefix: 'glptt-', alphabet: URL_SAFE, min: 16 },
  { kind: 'gitlab_token', prefix: 'glcbt-', alphabet: URL_SAFE, min: 16 },
  { kind: 'npm_token', prefix: 'npm_', alphabet: LETTER_OR_DIGIT, min: 24 },
  { kind: 'pypi_token', prefix: 'pypi-', alphabet: URL_SAFE, min: 50 },
  { kind: 'rubygems_key', prefix: 'rubygems_', alphabet: HEX, min: 32 },
  { kind: 'docker_token', prefix: 'dckr_pat_', alphabet: URL_SAFE, min: 20 },
  { kind: 'docker_token', prefix: 'dckr_oat_', alphabet: URL_SAFE, min: 20 },
  { kind: 'artifactory_key', prefix: 'AKCp', alphabet: LETTER_OR_DIGIT, min: 60 },
  { kind: 'atlassian_token', prefix: 'ATATT3', alphabet: WORD | BASE64_SIGN, min: 60 },
  { kind: 'bitbucket_token', prefix: 'ATBB', alphabet: LETTER_OR_DIGIT, min: 28, max: 36 },
  { kind: 'circleci_token', prefix: 'CCIPAT_', alphabet: URL_SAFE, min: 32 },
  { kind: 'contentful_token', prefix: 'CFPAT-', alphabet: URL_SAFE, min: 32 },

  // Messages, work, shops
  { kind: 'slack_token', prefix: 'xoxb-', alphabet: URL_SAFE, min: 12 },
  { kind: 'slack_token', prefix: 'xoxp-', alphabet: URL_SAFE, min: 12 },
  { kind: 'slack_token', prefix: 'xoxa-', alphabet: URL_SAFE, min: 12 },
  { kind: 'slack_token', prefix: 'xoxr-', alphabet: URL_SAFE, min: 12 },
  { kind: 'slack_token', prefix: 'xoxs-', alphabet: URL_SAFE, min: 12 },
  { kind: 'slack_token', prefix: 'xoxe-', alphabet: URL_SAFE, min: 12 },
  { kind: 'slack_token', prefix: 'xoxe.xox', alphabet: URL_SAFE, min: 12 },
  { kind: 'slack_token', prefix: 'xapp-', alphabet: URL_SAFE, min: 12, isCommon: true },
  { kind: 'stripe_key', prefix: 'sk_live_', alphabet: LETTER_OR_DIGIT, min: 10 },
  { kind: 'stripe_key', prefix: 'sk_test_', alphabet: LETTER_OR_DIGIT, min: 10 },
  { kind: 'stripe_key', prefix: 'rk_live_', alphabet: LETTER_OR_DIGIT, min: 10 },
  { kind: 'stripe_key', prefix: 'rk_test_', alphabet: LETTER_OR_DIGIT, min: 10 },
  { kind: 'webhook_secret', prefix: 'whsec_', alphabet: BASE64, min: 20 },
  { kind: 'twilio_key', prefix: 'SK', alphabet: HEX, min: 32, max: 32 },
  { kind: 'twilio_account', prefix: 'AC', alphabet: HEX, min: 32, max: 32 },
  { kind: 'sendgrid_key', prefix: 'SG.', alphabet: DOTTED, min: 40 },
  { kind: 'mailgun_key', prefix: 'key-', alphabet: LETTER_OR_DIGIT, min: 32, max: 32, isCommon: true },
  { kind: 'brevo_key', prefix: 'xkeysib-', alphabet: URL_SAFE, min: 32 },
  { kind: 'linear_key', prefix: 'lin_api_', alphabet: LETTER_OR_DIGIT, min: 24 },
  { kind: 'linear_token', prefix: 'lin_oauth_', alphabet: LETTER_OR_DIGIT, min: 24 },
  { kind: 'notion_token', prefix: 'secret_', alphabet: LETTER_OR_DIGIT, min: 40, isCommon: true },
  { kind: 'notion_token', prefix: 'ntn_', alphabet: LETTER_OR_DIGIT, min: 32, isCommon: true },
  { kind: 'figma_token', prefix: 'figd_', alphabet: URL_SAFE, min: 32 },
  { kind: 'shopify_token', prefix: 'shpat_', alphabet: LETTER_OR_DIGIT, min: 24 },
  { kind: 'shopify_token', prefix: 'shpca_', alphabet: LETTER_OR_DIGIT, min: 24 },
  { kind: 'shopify_token', prefix: 'shppa_', alphabet: LETTER_OR_DIGIT, min: 24 },
  { kind: 'shopify_token', prefix: 'shpss_', alphabet: LETTER_OR_DIGIT, min: 24 },
  { kind: 'square_token', prefix: 'EAAA', alphabet: URL_SAFE, min: 56, max: 64, isCommon: true },
  { kind: 'square_token', prefix: 'sq0atp-', alphabet: URL_SAFE, min: 20 },
  { kind: 'square_secret', prefix: 'sq0csp-', alphabet: URL_SAFE, min: 30 },
  { kind: 'facebook_token', prefix: 'EAACEdEose0cBA', alphabet: LOWER | UPPER | DIGIT, min: 20 },
];

let formsByBeginning: ReadonlyMap<number, readonly KeyForm[]> | undefined;

/** The forms whose prefix begins like the text at a position. Sorted in when first asked, not when loaded. */
export function keyFormsAt(text: string, position: number): readonly KeyForm[] {
  formsByBeginning ??= groupForms();
  return position + 2 > text.length ? NONE : (formsByBeginning.get(beginningAt(text, position)) ?? NONE);
}

const NONE: readonly KeyForm[] = [];

function groupForms(): ReadonlyMap<number, readonly KeyForm[]> {
  const groups = new Map<number, KeyForm[]>();
  for (const form of FORMS) {
    const beginning = beginningAt(form.prefix, 0);
    const group = groups.get(beginning);
    if (group === undefined) groups.set(beginning, [form]);
    else group.push(form);
  }
  return groups;
}

/** Two characters as one number. */
function beginningAt(text: string, position: number): number {
  return (text.charCodeAt(position) << 16) | text.charCodeAt(position + 1);
}

/** The longest way back from a long word to a prefix that ends in a dot, such as `dp.pt.`. */
export const MAX_DOTTED_PREFIX = 6;
